"""`edgemed quantize IN OUT --out-type TYPE`: plan, show or run it, with a progress bar."""

import argparse
from pathlib import Path

from edgemed.cli.files.out_types import (
    patterns_of,
    run_options,
    show_or_run,
    split_option,
    type_options,
)
from edgemed.cli.merging.plans import target_of
from edgemed.merging.plan.quantization import plan_quantize, quantization


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed quantize`."""
    add = parser.add_argument
    add("source", type=Path, metavar="IN", help="a GGUF model, best in F16, BF16 or F32")
    add("out", type=Path, metavar="OUT", help="the file to write")
    type_options(parser)
    several = parser.add_mutually_exclusive_group()
    several.add_argument(
        "--keep-split", action="store_true", help="write as many files as the model has"
    )
    split_option(several)
    run_options(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, then print the plan or carry it out."""
    recipe = quantization(args.source, args.out_type, patterns_of(args), args.imatrix)
    target = target_of(args, args.out, args.force)
    return show_or_run(args, plan_quantize(recipe, target, args.keep_split), "quantizing")
