"""`edgemed fold MODEL ADAPTER[:strength]... -o OUT`: an adapter written into its model."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from edgemed.adapters.naming import Adapted, parent_of, use_of
from edgemed.cli.merging.merge import planned, show_or_run
from edgemed.cli.merging.options import changed, type_options
from edgemed.cli.merging.plans import limit_options
from edgemed.cli.options.load_check import load_check_option
from edgemed.cli.terminal.printing import print_json
from edgemed.cli.terminal.tables import show
from edgemed.errors import UsageError
from edgemed.merging.recipe.folding import folding
from edgemed.merging.report import folded
from edgemed.merging.run.progress import Meter
from edgemed.merging.run.run import compile_kernels
from edgemed.printable import printable
from edgemed.tables import Table


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed fold`."""
    add = parser.add_argument
    help = "the model that the adapter is for: a GGUF file, or a checkpoint's folder"
    add("model", type=parent_of, metavar="MODEL", help=help)
    add(
        "adapters",
        nargs="+",
        type=use_of,
        metavar="ADAPTER[:STRENGTH]",
        help="a LoRA adapter: a GGUF file or a PEFT folder; several are folded one by one",
    )
    add("-o", "--out", type=Path, required=True, help="the file to write")
    type_options(parser, "types of the output: Q8_0, Q4_K_M, ... (default: like MODEL's)")
    limit_options(parser)
    add("--dry-run", action="store_true", help="measure, print every step and stop")
    add("--force", action="store_true", help="replace the output if it exists")
    add("--json", action="store_true", help="print the figures as JSON for programs")
    load_check_option(parser)
    parser.set_defaults(
        seed=None, tokenizer_from=None, chat_template=None, report=None
    )  # options that only a merge has


def run(args: argparse.Namespace) -> int:
    """Plan, measure what rounding leaves of the change, then write."""
    if args.json and args.dry_run:
        raise UsageError("--dry-run prints the plan, not JSON", "leave out one of the two")
    under = args.model
    uses = (*(under.uses if isinstance(under, Adapted) else ()), *args.adapters)
    model = under.model if isinstance(under, Adapted) else under
    plan = planned(args, changed(args, folding(model, uses)), args.out)
    compile_kernels(plan, Meter(plan.weights, None))
    found = folded.measure_fold(plan)
    for line in folded.summary(found):
        print(printable(line), file=sys.stderr)
    code = show_or_run(args, plan, "folding")
    if args.json:
        print_json({"summary": folded.summary(found), "tensors": [asdict(f) for f in found]})
    elif found:
        show([Table(folded.TITLES, [folded.cells(f) for f in found])])
    return code
