"""What `quantize` and `convert` share: types of all tensors, and showing or running the plan."""

import argparse
from collections import Counter
from pathlib import Path

from edgemed.amounts import amount
from edgemed.cli.merging.plans import carry_out, limit_options
from edgemed.cli.options.load_check import load_check_option
from edgemed.errors import UsageError
from edgemed.merging.plan.plan import Plan
from edgemed.printable import printable
from edgemed.quantizing.file_types import FILE_TYPES
from edgemed.storage.sizes import show_size


def type_options(parser: argparse.ArgumentParser, default: str = "") -> None:
    """The types of the output; `default` says which they are if none is given."""
    add = parser.add_argument
    mixes = f"a mix of llama.cpp ({', '.join(FILE_TYPES)}), or a ggml type for every matrix"
    said = f"{mixes} (default: {default})" if default else mixes
    add("--out-type", required=not default, metavar="TYPE", help=said)
    add(
        "--tensor-type",
        action="append",
        default=[],
        metavar="REGEX=TYPE",
        help="the type of some tensors, by a regular expression found in their names; "
        "repeatable, the first match counts",
    )
    add(
        "--imatrix",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an importance matrix of llama-imatrix; several are combined",
    )


def split_option(add: argparse._ActionsContainer) -> None:
    """Whether the output is several files; `add` is a parser or a group of one."""
    add.add_argument(
        "--split-max-size",
        metavar="SIZE",
        help="write several files, none larger than this, such as 2G",
    )


def run_options(parser: argparse.ArgumentParser) -> None:
    """What is refused, the limits, and whether anything is written."""
    add = parser.add_argument
    add(
        "--no-fallback",
        action="store_true",
        help="refuse (exit 3) a type that some rows do not fit, instead of choosing another",
    )
    limit_options(parser)
    add("--dry-run", action="store_true", help="print every tensor's type and stop")
    add("--force", action="store_true", help="replace the output if it exists")
    load_check_option(parser)


def patterns_of(args: argparse.Namespace) -> list[tuple[str, str]]:
    """What `--tensor-type` was given."""
    return [parse_pattern(text) for text in args.tensor_type]


def show_or_run(args: argparse.Namespace, plan: Plan, verb: str) -> int:
    """Print the plan, or carry it out; `verb` names the work beside its progress."""
    if args.dry_run:
        print_plan(plan)
    else:
        carry_out(args, plan, verb)
    return 0


def parse_pattern(text: str) -> tuple[str, str]:
    """REGEX=TYPE; split at the last =, since expressions may hold one."""
    pattern, equals, name = text.rpartition("=")
    if not (pattern and equals and name):
        raise UsageError(f"{text!r} is not REGEX=TYPE", "write, for example, ffn_down=Q6_K")
    return pattern, name.upper()


def print_plan(plan: Plan) -> None:
    """One line per tensor on stdout, then the size of the whole."""
    for step in plan.steps:
        source = step.sources[0]
        shape = " x ".join(str(n) for n in source.shape)
        what = "copy" if step.action == "copy" else f"-> {step.type.name}"
        print(f"{printable(step.name):40} {shape:>20}  {source.type.name:8} {what}")
    counts = Counter(step.type.name for step in plan.steps)
    print(", ".join(f"{n} x {name}" for name, n in counts.most_common()))
    for shard in plan.placement.shards:
        total = shard.layout.total_bytes
        print(f"{printable(str(shard.path))}: {amount(total, 'byte')} ({show_size(total)})")
    print(f"{8 * plan.placement.total_bytes / max(plan.weights, 1):.2f} bits per weight")
    print(f"buffers: {show_size(plan.buffers.nbytes)} for {amount(plan.buffers.threads, 'thread')}")
    for note in plan.notes:
        print(printable(note))
