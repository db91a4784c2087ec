"""What `edgemed adapt` learns from: the options, and the examples encoded for the model."""

import argparse
import sys
from pathlib import Path
from typing import Any

from edgemed.cli.options.chat_template import chat_template_option
from edgemed.cli.options.numbers import positive
from edgemed.clinic.summarizing.template import Template, fill
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.printable import printable
from edgemed.storage.bounded import read_bounded
from edgemed.training.encoded import Data, encode_for, few
from edgemed.training.examples import FORMS, Example, read_examples
from edgemed.training.pairs import NOTE, SUMMARY, read_pairs, without_headings


def example_options(group: Any) -> None:
    """Where the examples are, and how many of them are used."""
    add = group.add_argument
    add(
        "--examples",
        required=True,
        type=Path,
        metavar="FILE",
        help=f"JSON Lines of {FORMS}; or a folder of NAME{NOTE} and NAME{SUMMARY}",
    )
    add(
        "--template",
        metavar="T",
        help="for a folder of notes: the template that the summaries follow",
    )
    add(
        "--field",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="fill a field of the template, such as section=Allergies",
    )
    add(
        "--draw",
        type=positive,
        metavar="N",
        help="use N of the examples, drawn by --seed (default: all); a smaller draw is part of a "
        "larger one of the same seed",
    )
    chat_template_option(add)


def refuse_examples(args: argparse.Namespace) -> None:
    """Refuse options that cannot be combined, and an output among the examples."""
    if args.examples.is_dir():
        if args.template is None:
            raise UsageError(
                f"{args.examples} is a folder of notes, and no template is named",
                "add --template, such as --template soap; `edgemed templates list` shows all",
            )
        if args.examples.resolve() in args.out.resolve().parents:
            raise Refused(
                f"{args.out} lies in the folder of examples, where all files are examples",
                "choose another output",
            )
    elif args.template is not None or args.field:
        raise UsageError(
            "--template and --field are for a folder of notes: the rows of a file have their "
            "own prompts",
            "leave them out, or give a folder",
        )


def data_of(args: argparse.Namespace) -> Data:
    """The examples, encoded by the model's own template and vocabulary."""
    turns = None
    if args.chat_template:
        try:
            turns = read_bounded(args.chat_template, "chat template").decode("utf-8")
        except (OSError, UnicodeDecodeError):
            raise EdgemedError(f"cannot read {args.chat_template}", "check the file") from None
    examples, about = read(args)
    data = encode_for(args.model, turns, examples, args.longest, about)
    return data if args.draw is None else few(data, args.draw, args.seed)


def read(args: argparse.Namespace) -> tuple[list[Example], dict[str, Any]]:
    """The examples, and what the card says about their origin."""
    if args.template is None:
        return read_examples(args.examples), {}
    template = template_of(args)
    examples = read_pairs(args.examples, template)
    tell_headings(examples, template)
    return examples, {"template": {"name": template.name, "sha256": template.hash}}


def template_of(args: argparse.Namespace) -> Template:
    """The template asked for, its fields filled."""
    return fill(load_template(args.template), dict(f.partition("=")[::2] for f in args.field))


def tell_headings(examples: list[Example], template: Template) -> None:
    """Say how many summaries lack a heading that the prompt asks for: the model learns that too."""
    if lacking := without_headings(examples, template):
        print(
            f"note: {len(lacking)} of {len(examples)} summaries lack a heading that template "
            f"{template.name} asks for; the first is {printable(lacking[0])}",
            file=sys.stderr,
        )
