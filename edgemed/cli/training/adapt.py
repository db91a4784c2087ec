"""`edgemed adapt MODEL --examples FILE -o ADAPTER`: train a LoRA adapter on a quantized model."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgemed_models.machine import system_memory

from edgemed.adapters.adapter import Adapter
from edgemed.adapters.gguf_form import IN_A_FOLDER, NO_LENGTHS
from edgemed.adapters.output import FORMS, files_of, is_gguf, refuse_output, write_files
from edgemed.amounts import amount
from edgemed.cli.options.threads import threads_option
from edgemed.cli.training.adapt_examples import data_of, example_options, refuse_examples
from edgemed.cli.training.adapt_medcare import (
    begun,
    medcare_options,
    refuse_mixed,
    refuse_other_base,
    stage_one,
    tell_parts,
)
from edgemed.cli.training.adapt_shown import shower, tell, tell_look, tell_plan
from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.gguf import open_model
from edgemed.logs.audit import Log, default_place
from edgemed.printable import printable
from edgemed.storage.place import refuse_inputs, refuse_place
from edgemed.storage.sha256 import sha256_of
from edgemed.storage.whole import in_words, write_whole
from edgemed.training import card
from edgemed.training.device import COMPUTED, DEVICES, free_on_card, placing_of
from edgemed.training.encoded import Data
from edgemed.training.memory import Need, needs, needs_of_card, planned, sizes_of
from edgemed.training.overnight import Overnight
from edgemed.training.schedule import RunSettings
from edgemed.training.trainable import load_trainable, require_torch

if TYPE_CHECKING:  # needs torch
    from edgemed.training.adapt import Training
from edgemed.cli.training.adapt_options import adapter_options, settings_of, training_options


class NothingLearned(EdgemedError):
    """No step was better on the held-out examples than the model without an adapter."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed adapt`."""
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a GGUF file: llama, qwen2 or qwen3")
    add("-o", "--out", required=True, type=Path, metavar="ADAPTER", help=FORMS)
    example_options(parser.add_argument_group("examples"))
    adapter_options(parser.add_argument_group("adapter"))
    training_options(parser.add_argument_group("training"))
    medcare_options(parser.add_argument_group("MedCare: two stages"))
    threads_option(add)
    add("--device", choices=DEVICES, default="cpu", help="where it is trained (default: cpu)")
    add(
        "--compute",
        choices=COMPUTED,
        help="the number type of the matrix products; bf16 only where the machine has it "
        "(default: float32, on cuda bf16)",
    )
    add(
        "--overnight",
        action="store_true",
        help="run at low priority, and pause on battery power, when it gets hot, or when memory is "
        "short",
    )
    add("--resume", action="store_true", help="continue a run that was stopped")
    add(
        "--finish",
        action="store_true",
        help="end a run that was stopped: write the adapter as trained so far",
    )
    add("--force", action="store_true", help="replace the adapter, or start a stopped run over")


def run(args: argparse.Namespace) -> int:
    """Refuse what cannot work, train, write adapter and card."""
    refuse_mixed(args)
    require_torch()
    from edgemed.training import checkpoint

    progress = checkpoint.place(args.out)
    refuse_nonsense(args)
    written = [args.out, card.place(args.out), progress]
    refuse_inputs(args.out, written, [args.model, args.examples, *stage_one(args)])
    refuse_output(args.out, args.force)
    refuse_place(card.place(args.out), args.force)
    if progress.exists() and not (args.resume or args.finish or args.force):
        raise Refused(
            f"{progress} is from a run that was stopped",
            "add --resume to continue it, --finish to write the adapter now, --force to start over",
        )
    base = card.Base(args.model, sha256_of(args.model))
    refuse_other_base(args, base.sha256)
    data = data_of(args)
    mark = data.mark(Log(default_place()).key_for("examples"))
    settings = settings_of(args)
    training = trained(args, data, settings, card.run_name(base, mark, settings), progress)
    write(args, base, data, mark, training)
    progress.unlink(missing_ok=True)
    return 0


def refuse_nonsense(args: argparse.Namespace) -> None:
    """Refuse options that cannot be combined."""
    refuse_examples(args)
    if args.dora and is_gguf(args.out):
        raise Refused(NO_LENGTHS, IN_A_FOLDER)
    if args.out_type not in (None, "F32") and not is_gguf(args.out):
        raise UsageError(
            f"--out-type {args.out_type} is for GGUF files: a PEFT folder holds float32",
            "leave it out, or name the output NAME.gguf",
        )
    if args.overnight and args.finish:
        raise UsageError(
            "--finish does not train, so --overnight has no effect", "leave out one of the two"
        )


def trained(
    args: argparse.Namespace, data: Data, settings: RunSettings, name: str, progress: Path
) -> "Training":
    """Run the training called `name` from its start, or from where it was stopped, to its end."""
    import torch

    from edgemed.training import checkpoint
    from edgemed.training.loop import never, train

    torch.set_num_threads(args.threads)
    _, model = load_trainable(args.model, placing_of(args.device, settings.bf16))
    training = begun(args, model, data, settings)
    need = needed(args.model, training)
    model.keep = need.kept
    if need.once:
        model.decode_once()
    if args.resume or args.finish:
        training.restore(checkpoint.load(progress, name))
    if args.finish:
        tell_look(training.look())
        return training
    tell_plan(data, training)
    rest = Overnight(need.step, tell) if args.overnight else never
    train(training, lambda s: checkpoint.save(progress, name, s), shower(), tell_look, rest=rest)
    return training


def write(
    args: argparse.Namespace, base: card.Base, data: Data, mark: str, training: "Training"
) -> None:
    """The adapter and its card. NothingLearned if the held-out loss never fell."""
    if training.held and not training.state.best:
        raise NothingLearned(
            "the held-out loss never fell: no adapter is written",
            "give more examples, or a smaller --rate",
        )
    measured = training.measured()
    tell_parts(measured)
    about = {"base_sha256": base.sha256, **training.about}
    adapter = Adapter(training.model.shape.kind, training.pairs(), about)
    files = files_of(args.out, adapter, open_model(args.model), args.out_type or "F32")
    weights = next(iter(files.values()))
    made = card.card(base, data, mark, training, weights, args.threads) | measured
    with in_words(args.out):
        write_whole(card.place(args.out), card.as_json(made))
    write_files(args.out, files)
    print(
        f"{printable(str(args.out))}: {amount(sum(map(len, files.values())), 'byte')}, "
        f"from step {training.state.best}",
        file=sys.stderr,
    )


def needed(path: Path, training: "Training") -> Need:
    """The memory of the fastest way that fits, printed by part. Refused if none fits."""
    sizes = sizes_of(training.model, path, training.kept, training.still)
    place, step = training.model.placing, (training.weights, training.longest_step)
    if place.device.type == "cpu":
        need = planned(needs(sizes, *step, place.dtype.itemsize), system_memory()[1])
    else:
        need = planned(needs_of_card(sizes, *step, place.dtype.itemsize), free_on_card())
    said = ", ".join(f"{part} {size / 1e6:,.0f} MB" for part, size in need.parts.items())
    way = (
        "every block is computed once" if need.kept else "blocks are computed twice, to save memory"
    )
    print(
        f"memory: at most {need.total / 1e6:,.0f} MB: {said}; {way}",
        file=sys.stderr,
    )
    return need
