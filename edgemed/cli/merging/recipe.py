"""`edgemed recipe show FILE`: recipes in their normal form, with hashes and unused keys."""

import argparse
import sys
from pathlib import Path

import yaml

from edgemed.cli.terminal.printing import print_json
from edgemed.merging.recipe.recipe import normal_form, recipe_hash
from edgemed.merging.recipe.stages import read_stages, recipe_of
from edgemed.printable import printable


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed recipe`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print the normal form and its sha256")
    show.add_argument("file", type=Path, metavar="FILE", help="a recipe in mergekit's YAML")
    show.add_argument("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """Print every recipe of the file on stdout and its notes on stderr."""
    stages = read_stages(args.file)
    outputs = {stage.name: Path(stage.name) for stage in stages if stage.name}
    recipes = [recipe_of(stage, args.file, outputs) for stage in stages]
    names = [{"name": stage.name} if stage.name else {} for stage in stages]
    forms = [
        {**name, "sha256": recipe_hash(recipe), **normal_form(recipe)}
        for name, recipe in zip(names, recipes, strict=True)
    ]
    if args.json:
        print_json(forms if len(forms) > 1 else forms[0])
    else:
        print(yaml.safe_dump_all(forms, sort_keys=False, default_flow_style=None), end="")
    for note in dict.fromkeys(note for recipe in recipes for note in recipe.notes):
        print(printable(note), file=sys.stderr)
    return 0
