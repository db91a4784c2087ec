"""`edgemed extract TUNED BASE --rank R -o ADAPTER`: a fine-tune's change as a LoRA adapter."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgemed.adapters.naming import input_paths, parent_of
from edgemed.adapters.output import FORMS, files_of, refuse_output, write_files
from edgemed.cli.options.numbers import finite, positive, seed
from edgemed.cli.options.threads import threads_option
from edgemed.cli.terminal.printing import print_json
from edgemed.cli.terminal.progress import progress_bar
from edgemed.cli.terminal.tables import show
from edgemed.errors import UsageError
from edgemed.merging import extracting
from edgemed.merging.extracting import MOST, ExtractSettings
from edgemed.merging.parents.opening import open_parent
from edgemed.printable import printable
from edgemed.storage.place import refuse_inputs
from edgemed.tables import Table


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed extract`."""
    add = parser.add_argument
    add("tuned", type=parent_of, metavar="TUNED", help="a fine-tuned model, a GGUF file")
    add("base", type=parent_of, metavar="BASE", help="the model that it was tuned from")
    add(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="ADAPTER",
        help=FORMS,
    )
    add(
        "--rank",
        required=True,
        metavar="N",
        help="the rank of every matrix; auto: for each the smallest that holds --share, up to "
        f"{MOST}",
    )
    add(
        "--control",
        type=seed,
        metavar="SEED",
        help="write a random change of equal norm instead, as a control to compare a merge with",
    )
    add(
        "--share",
        type=finite,
        metavar="X",
        help="with --rank auto: the share of the change to hold (default: 0.95)",
    )
    writing_options(add)


def writing_options(add: Callable[..., Any]) -> None:
    """What is left out, replaced and printed."""
    add(
        "--without-vectors",
        action="store_true",
        help="ignore changes of norms and biases, which an adapter cannot hold",
    )
    threads_option(add)
    add("--force", action="store_true", help="replace the adapter if it exists")
    add("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """Refuse early, pass over the models, write the adapter, print what it holds."""
    settings = settings_of(args)
    inputs = [path for parent in (args.tuned, args.base) for path in input_paths(parent)]
    refuse_inputs(args.out, (args.out,), inputs)
    refuse_output(args.out, args.force)
    plan = extracting.plan_extract(args.tuned, args.base, args.out, args.threads)
    with progress_bar("extracting", len(plan.steps)) as (bar, _):
        adapter, found = extracting.extract(plan, args.base, settings, lambda done, of: bar(done))
    write_files(args.out, files_of(args.out, adapter, open_parent(args.base)))
    print(printable(extracting.summary(found)), file=sys.stderr)
    if args.json:
        print_json({"tensors": [asdict(told) for told in found]})
    else:
        show([Table(extracting.TITLES, [extracting.cells(told) for told in found])])
    return 0


def settings_of(args: argparse.Namespace) -> ExtractSettings:
    """The rank that is asked for."""
    if args.rank != "auto":
        if args.share is not None:
            raise UsageError("--share is for --rank auto", "leave out one of the two")
        try:
            rank = positive(args.rank)
            return ExtractSettings(rank, without_vectors=args.without_vectors, control=args.control)
        except (ValueError, argparse.ArgumentTypeError):
            raise UsageError(
                f"the rank {args.rank!r} is not a whole number above zero",
                "give one, such as 16, or auto",
            ) from None
    if args.control is not None:
        raise UsageError("a random change has no share to hold", "give --rank a number")
    share = 0.95 if args.share is None else args.share
    if not 0.0 < share <= 1.0:
        raise UsageError(f"--share {share:g} is not a share", "give a number above 0, up to 1")
    return ExtractSettings(None, share, args.without_vectors)
