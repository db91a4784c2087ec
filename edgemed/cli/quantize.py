"""`edgemed quantize IN OUT --type TYPE`: plan, show or run it, with a progress bar."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from edgemed_models.engine.machine import logical_cores

from edgemed.cli.load_check import load_check_option
from edgemed.cli.numbers import threads
from edgemed.cli.progress import progress_bar
from edgemed.errors import UsageError
from edgemed.printable import printable
from edgemed.quantizing.file_types import FILE_TYPES
from edgemed.quantizing.imatrix import read_imatrices
from edgemed.quantizing.plan import Plan, Wish, plan_quantize
from edgemed.quantizing.run import quantize
from edgemed.storage.sizes import show_size


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed quantize`."""
    add = parser.add_argument
    add("source", type=Path, metavar="IN", help="a GGUF model, best in F16, BF16 or F32")
    add("out", type=Path, metavar="OUT", help="the file to write")
    add(
        "--type",
        required=True,
        help=f"a mix of llama.cpp ({', '.join(FILE_TYPES)}), or a ggml type for every matrix",
    )
    add(
        "--pattern",
        action="append",
        default=[],
        metavar="REGEX=TYPE",
        help="the type of tensors whose names the expression is found in; the first match counts",
    )
    add(
        "--imatrix",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an importance matrix of llama-imatrix; several are combined",
    )
    add("--keep-split", action="store_true", help="as many files as the model has")
    add(
        "--no-fallback",
        action="store_true",
        help="refuse (exit 3) a type that some rows do not fit, rather than take another for them",
    )
    add("--threads", type=threads, default=logical_cores(), metavar="N", help="default: all cores")
    add("--dry-run", action="store_true", help="print every tensor's type and stop")
    add("--force", action="store_true", help="replace the output if it exists")
    load_check_option(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, then print the plan or carry it out."""
    patterns = tuple(parse_pattern(text) for text in args.pattern)
    importances = read_imatrices(args.imatrix) if args.imatrix else None
    wish = Wish(args.type.upper(), patterns, importances, args.keep_split, not args.no_fallback)
    plan = plan_quantize(args.source, args.out, wish, args.force)
    if args.dry_run:
        print_plan(plan)
        return 0
    for note in plan.notes:
        print(printable(note), file=sys.stderr)
    with progress_bar("quantizing", plan.weights) as (show, say):
        threads, load_check = max(1, args.threads), args.load_check
        result = quantize(plan, threads, say, lambda done, of: show(done), load_check)
    rate = plan.weights / max(result.seconds, 1e-9) / 1e6
    print(
        f"{printable(str(plan.files[0].path))}: {show_size(plan.nbytes)}, "
        f"{plan.weights / 1e6:,.1f} M weights in "
        f"{result.seconds:.1f} s ({rate:,.0f} M/s), synced in {result.sync_seconds:.1f} s",
        file=sys.stderr,
    )
    return 0


def parse_pattern(text: str) -> tuple[str, str]:
    """REGEX=TYPE; the last = counts, since expressions may hold one."""
    pattern, equals, name = text.rpartition("=")
    if not (pattern and equals and name):
        raise UsageError(f"{text!r} is no REGEX=TYPE", "write, for example, ffn_down=Q6_K")
    return pattern, name.upper()


def print_plan(plan: Plan) -> None:
    """One line a tensor on stdout, then what the whole will take."""
    for step in plan.steps:
        shape = " x ".join(str(n) for n in step.source.shape)
        what = "copy" if step.copied else f"-> {step.type.name}"
        print(f"{printable(step.source.name):40} {shape:>20}  {step.source.type.name:8} {what}")
    counts = Counter(step.type.name for step in plan.steps)
    print(", ".join(f"{n} x {name}" for name, n in counts.most_common()))
    for file in plan.files:
        total = file.layout.total_bytes
        print(f"{printable(str(file.path))}: {total:,} bytes ({show_size(total)})")
    print(f"{8 * plan.nbytes / max(plan.weights, 1):.2f} bits a weight")
    for note in plan.notes:
        print(printable(note))
