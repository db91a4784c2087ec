"""The options of `edgemed adapt --method medcare`, which go together, and the run they start."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemed.adapters.forms import folder_of
from edgemed.adapters.gguf_changes import BASE, open_gguf
from edgemed.adapters.gguf_form import read_adapter
from edgemed.adapters.laying import lay_over
from edgemed.adapters.naming import Use
from edgemed.cli.options.numbers import finite
from edgemed.errors import Incompatible, Refused, UsageError
from edgemed.gguf import open_model
from edgemed.storage.sha256 import sha256_of
from edgemed.training.encoded import Data
from edgemed.training.schedule import RunSettings
from edgemed.training.stages import NOISE, PARTS, StageOne, StageTwo

if TYPE_CHECKING:  # needs torch
    from edgemed_models.trainable.transformer import Transformer

    from edgemed.training.adapt import Training

LARGEST = 1_000_000
STAGES = {"--noise": (1,), "--stage-one": (2,), "--orthogonal": (2,),
          "--freeze-base": (2,), "--part": (2,)}  # fmt: skip
"""The stages that an option belongs to."""


def medcare_options(group: Any) -> None:
    """The two stages and their ablations."""
    add = group.add_argument
    add(
        "--method",
        choices=("lora", "medcare"),
        default="lora",
        help="plain LoRA (default), or MedCare's two stages",
    )
    add(
        "--stage",
        type=int,
        choices=(1, 2),
        help="stage of medcare: 1 learns knowledge, 2 aligns the answers",
    )
    add(
        "--noise",
        choices=NOISE,
        help="stage 1: whether the routed experts are dropped at the end (default) or kept",
    )
    add("--stage-one", type=Path, metavar="ADAPTER", help="stage 2: the adapter of stage 1")
    add(
        "--orthogonal",
        type=factor,
        metavar="X",
        help="stage 2: how strongly its path is kept orthogonal to that of stage 1 (default: "
        f"{StageTwo.__dataclass_fields__['orthogonal'].default:g}; 0: not at all)",
    )
    add(
        "--freeze-base",
        action="store_true",
        default=None,
        help="stage 2: do not train the adapter of stage 1 further",
    )
    add(
        "--part",
        choices=tuple(PARTS),
        help="stage 2: write both paths (default), only that of stage 1 (base), or only the "
        "new one (orth)",
    )


def factor(text: str) -> float:
    """A number from zero, for argparse."""
    number = finite(text)
    if not 0 <= number <= LARGEST:
        raise argparse.ArgumentTypeError(f"{text} is below zero, or above {LARGEST:,}")
    return number


def refuse_mixed(args: argparse.Namespace) -> None:
    """UsageError for options that cannot be combined."""
    if args.method == "medcare" and args.stage is None:
        raise UsageError("--method medcare has two stages", "add --stage 1 or --stage 2")
    if args.method != "medcare" and args.stage is not None:
        raise UsageError("--stage is for --method medcare", "add --method medcare")
    for option, stages in STAGES.items():
        if given(args, option) and args.stage not in stages:
            raise UsageError(
                f"{option} belongs to stage {stages[0]} of medcare",
                f"add --method medcare --stage {stages[0]}, or leave it out",
            )
    if args.stage and args.matrices != "all":
        raise UsageError(
            "--matrices cannot be combined with --method medcare",
            "leave it out: each stage has its own matrices",
        )
    if args.stage and args.dora:
        raise UsageError(
            "--dora cannot be combined with --method medcare", "leave out one of the two"
        )
    if args.stage == 2 and args.stage_one is None:
        raise UsageError(
            "stage 2 continues from stage 1", "add --stage-one with the adapter of stage 1"
        )


def given(args: argparse.Namespace, option: str) -> bool:
    """Whether an option of a stage was typed."""
    return getattr(args, option.strip("-").replace("-", "_")) is not None


def stage_one(args: argparse.Namespace) -> list[Path]:
    """The adapter that a run starts from, if there is one."""
    return [args.stage_one] if args.stage_one else []


def staged(args: argparse.Namespace, plain: RunSettings) -> RunSettings:
    """The settings of the requested stage; without one, the `plain` settings."""
    if args.stage is None:
        return plain
    if args.stage == 1:
        return StageOne(**asdict(plain), **typed(noise=args.noise))
    own = typed(orthogonal=args.orthogonal, freeze_base=args.freeze_base)
    ours = asdict(plain) | {"matrices": "ffn", "stage_one_sha256": sha256_of(args.stage_one)}
    return StageTwo(**ours, **own)


def typed(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def begun(
    args: argparse.Namespace, model: "Transformer", data: Data, settings: RunSettings
) -> "Training":
    """The requested training, before its first step."""
    from edgemed.training import medcare
    from edgemed.training.adapt import Training

    if isinstance(settings, StageOne):
        return medcare.Aggregating(model, data, settings)
    if isinstance(settings, StageTwo):
        before = read_adapter(args.stage_one)
        return medcare.Aligning(model, data, settings, before, args.part or "both")
    return Training(model, data, settings)


def refuse_other_base(args: argparse.Namespace, sha256: str) -> None:
    """Incompatible if the adapter of stage 1 is not for the model of this hash, InvalidFile
    if it is damaged."""
    for path in stage_one(args):
        if folder_of(path) is not None:
            raise Refused(
                f"{path} is a PEFT folder, and stage 2 continues from a GGUF adapter",
                "write stage 1 as NAME.gguf",
            )
        lay_over(open_model(args.model), open_gguf(path), Use(path))
        said = open_model(path).metadata.text(BASE)
        if said and said != sha256:
            raise Incompatible(
                f"{path} was trained on another file than {args.model}",
                "give the model that stage 1 was given",
            )


def tell_parts(measured: dict[str, Any]) -> None:
    """What was measured for each part, one line each."""
    for name, loss in measured.get("parts", {}).items():
        print(f"held out, {name}: loss {loss:.4f}", file=sys.stderr)
    if "overlap" in measured:
        first, best = (measured["overlap"][when] for when in ("first", "best"))
        print(f"overlap of both paths: {first:,.1f} before, {best:,.1f} now", file=sys.stderr)
