"""`edgemed recipe show FILE`: a recipe in its normal form, with its hash and what it leaves out."""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from edgemed.cli.printing import print_json
from edgemed.merging.recipe.recipe import normal_form, recipe_hash
from edgemed.merging.recipe.recipe_file import read_recipe
from edgemed.printable import printable


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed recipe`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print the normal form and its sha256")
    show.add_argument("file", type=Path, metavar="FILE", help="a recipe in mergekit's YAML")
    show.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the recipe on stdout and its notes on stderr."""
    recipe = read_recipe(args.file)
    form: dict[str, Any] = {"sha256": recipe_hash(recipe), **normal_form(recipe)}
    if args.json:
        print_json(form)
    else:
        print(yaml.safe_dump(form, sort_keys=False, default_flow_style=None), end="")
    for note in recipe.notes:
        print(printable(note), file=sys.stderr)
    return 0
