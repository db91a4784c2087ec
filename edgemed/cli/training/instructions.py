"""`edgemed instructions make|report`: tasks made by a local model, and how good they are."""

import argparse

from edgemed.cli.training import instructions_make, instructions_report


def configure(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    instructions_make.configure(
        actions.add_parser("make", help="make new tasks with answers from seed tasks, offline")
    )
    instructions_report.configure(
        actions.add_parser("report", help="show what is in a file of tasks, and what is wrong")
    )


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    if args.action == "make":
        return instructions_make.run(args)
    return instructions_report.run(args)
