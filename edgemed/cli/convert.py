"""`edgemed convert FOLDER -o OUT.gguf`: a Hugging Face checkpoint as GGUF, in any type."""

import argparse
from pathlib import Path

from edgemed.checkpoints.folder import checkpoint_folder, usual_type
from edgemed.cli.load_check import load_check_option
from edgemed.cli.plans import carry_out, limit_options, target_of
from edgemed.cli.quantize import parse_pattern, print_plan
from edgemed.errors import UsageError
from edgemed.merging.plan.quantization import plan_quantize, quantization
from edgemed.quantizing.file_types import FILE_TYPES


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed convert`."""
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="config.json, .safetensors and a tokenizer")
    add("-o", "--out", type=Path, required=True, help="the file to write")
    add(
        "--out-type",
        metavar="TYPE",
        help=f"a mix of llama.cpp ({', '.join(FILE_TYPES)}), or a ggml type for every matrix "
        "(default: the checkpoint's own, BF16, F16 or F32)",
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
    add(
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
    folder = checkpoint_folder(args.folder)
    if folder is None:
        raise UsageError(
            f"{args.folder} is not the folder of a checkpoint",
            "name the folder with config.json in it; GGUF files: edgemed quantize",
        )
    patterns = [parse_pattern(text) for text in args.tensor_type]
    recipe = quantization(folder, args.out_type or usual_type(folder), patterns, args.imatrix)
    plan = plan_quantize(recipe, target_of(args, args.out, args.force))
    if args.dry_run:
        print_plan(plan)
        return 0
    carry_out(args, plan, "converting")
    return 0
