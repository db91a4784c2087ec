"""`edgemed convert FOLDER -o OUT.gguf`: a Hugging Face checkpoint as GGUF, in any type."""

import argparse
from pathlib import Path

from edgemed.checkpoints.folder import checkpoint_folder, usual_type
from edgemed.cli.files.out_types import (
    patterns_of,
    run_options,
    show_or_run,
    split_option,
    type_options,
)
from edgemed.cli.merging.plans import target_of
from edgemed.errors import UsageError
from edgemed.merging.plan.quantization import plan_quantize, quantization


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed convert`."""
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="config.json, .safetensors and a tokenizer")
    add("-o", "--out", type=Path, required=True, help="the file to write")
    type_options(parser, "the checkpoint's own, BF16, F16 or F32")
    split_option(parser)
    run_options(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, then print the plan or carry it out."""
    folder = checkpoint_folder(args.folder)
    if folder is None:
        raise UsageError(
            f"{args.folder} is not the folder of a checkpoint",
            "name the folder with config.json in it; GGUF files: edgemed quantize",
        )
    out_type = args.out_type or usual_type(folder)
    recipe = quantization(folder, out_type, patterns_of(args), args.imatrix)
    return show_or_run(
        args, plan_quantize(recipe, target_of(args, args.out, args.force)), "converting"
    )
