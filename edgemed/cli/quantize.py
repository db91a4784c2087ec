"""`edgemed quantize IN OUT --out-type TYPE`: plan, show or run it, with a progress bar."""

import argparse
from collections import Counter
from pathlib import Path

from edgemed.cli.load_check import load_check_option
from edgemed.cli.plans import carry_out, limit_options, target_of
from edgemed.errors import UsageError
from edgemed.merging.plan.plan import Plan
from edgemed.merging.plan.quantization import plan_quantize, quantization
from edgemed.printable import printable
from edgemed.quantizing.file_types import FILE_TYPES
from edgemed.storage.sizes import show_size


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed quantize`."""
    add = parser.add_argument
    add("source", type=Path, metavar="IN", help="a GGUF model, best in F16, BF16 or F32")
    add("out", type=Path, metavar="OUT", help="the file to write")
    add(
        "--out-type",
        required=True,
        metavar="TYPE",
        help=f"a mix of llama.cpp ({', '.join(FILE_TYPES)}), or a ggml type for every matrix",
    )
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
    several = parser.add_mutually_exclusive_group()
    several.add_argument(
        "--keep-split", action="store_true", help="write as many files as the model has"
    )
    several.add_argument(
        "--split-max-size",
        metavar="SIZE",
        help="write several files, none larger than this, such as 2G",
    )
    add(
        "--no-fallback",
        action="store_true",
        help="refuse (exit 3) a type that some rows do not fit, instead of choosing another",
    )
    limit_options(parser)
    add("--dry-run", action="store_true", help="print every tensor's type and stop")
    add("--force", action="store_true", help="replace the output if it exists")
    load_check_option(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, then print the plan or carry it out."""
    patterns = [parse_pattern(text) for text in args.tensor_type]
    recipe = quantization(args.source, args.out_type, patterns, args.imatrix)
    plan = plan_quantize(recipe, target_of(args, args.out, args.force), args.keep_split)
    if args.dry_run:
        print_plan(plan)
        return 0
    carry_out(args, plan, "quantizing")
    return 0


def parse_pattern(text: str) -> tuple[str, str]:
    """REGEX=TYPE; split at the last =, since expressions may hold one."""
    pattern, equals, name = text.rpartition("=")
    if not (pattern and equals and name):
        raise UsageError(f"{text!r} is not REGEX=TYPE", "write, for example, ffn_down=Q6_K")
    return pattern, name.upper()


def print_plan(plan: Plan) -> None:
    """One line a tensor on stdout, then what the whole will take."""
    for step in plan.steps:
        source = step.sources[0]
        shape = " x ".join(str(n) for n in source.shape)
        what = "copy" if step.action == "copy" else f"-> {step.type.name}"
        print(f"{printable(step.name):40} {shape:>20}  {source.type.name:8} {what}")
    counts = Counter(step.type.name for step in plan.steps)
    print(", ".join(f"{n} x {name}" for name, n in counts.most_common()))
    for shard in plan.placement.shards:
        total = shard.layout.total_bytes
        print(f"{printable(str(shard.path))}: {total:,} bytes ({show_size(total)})")
    print(f"{8 * plan.placement.total_bytes / max(plan.weights, 1):.2f} bits a weight")
    print(f"buffers: {show_size(plan.buffers.nbytes)} for {plan.buffers.threads} threads")
    for note in plan.notes:
        print(printable(note))
