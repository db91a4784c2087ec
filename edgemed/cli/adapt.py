"""`edgemed adapt MODEL --examples FILE -o ADAPTER`: train a LoRA adapter on a quantized model."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemed_models.machine import logical_cores, system_memory

from edgemed.adapters.adapter import Adapter
from edgemed.adapters.gguf_form import STORED, adapter_bytes
from edgemed.amounts import amount
from edgemed.cli.numbers import finite, positive, seed, threads
from edgemed.errors import EdgemedError, Refused
from edgemed.logs.audit import Log, default_place
from edgemed.printable import printable
from edgemed.storage.bounded import read_bounded
from edgemed.storage.place import refuse_inputs, refuse_place
from edgemed.storage.sha256 import sha256_of
from edgemed.storage.whole import in_words, write_whole
from edgemed.training import card
from edgemed.training.encoded import Data, encode_for
from edgemed.training.examples import FORMS, read_examples
from edgemed.training.memory import Sizes, planned
from edgemed.training.schedule import Wish
from edgemed.training.trainable import load_trainable, require_torch

if TYPE_CHECKING:  # needs torch
    from edgemed.training.adapt import Point, Progress, Training

SECONDS_BETWEEN_LINES = 30.0
LARGEST = 1_000_000
PLAIN = Wish()


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed adapt`."""
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a GGUF file: llama, qwen2 or qwen3")
    add("--examples", required=True, type=Path, metavar="FILE", help=f"JSON Lines of {FORMS}")
    add("-o", "--out", required=True, type=Path, metavar="ADAPTER", help="the adapter, as GGUF")
    adapter_options(parser.add_argument_group("adapter"))
    training_options(parser.add_argument_group("training"))
    add("--threads", type=threads, default=logical_cores(), metavar="N", help="default: all cores")
    add("--resume", action="store_true", help="continue a run that was stopped")
    add(
        "--finish",
        action="store_true",
        help="finish a run that was stopped: write the adapter as trained so far",
    )
    add("--force", action="store_true", help="replace the adapter, or start a stopped run over")


def adapter_options(group: Any) -> None:
    """What is trained, and how it is stored."""
    add = group.add_argument
    add(
        "--out-type",
        choices=tuple(STORED),
        default="F32",
        help="type of the adapter's numbers (F32)",
    )
    add("--rank", type=positive, default=PLAIN.rank, metavar="N", help=f"({PLAIN.rank})")
    add(
        "--alpha",
        type=above_zero,
        metavar="X",
        help="scales the adapter by alpha / rank (twice the rank)",
    )
    add(
        "--matrices",
        choices=("all", "attn", "ffn"),
        default=PLAIN.matrices,
        help="which matrices are trained: all, attention, or feed-forward (all)",
    )


def training_options(group: Any) -> None:
    """What it is trained on, how long, and in what steps."""
    add = group.add_argument
    add("--epochs", type=positive, default=PLAIN.epochs, metavar="N", help=f"({PLAIN.epochs})")
    add("--rate", type=rate, default=PLAIN.rate, metavar="X", help=f"({PLAIN.rate:g})")
    add(
        "--batch-tokens",
        type=positive,
        default=PLAIN.batch_tokens,
        metavar="N",
        help=f"tokens in one step ({PLAIN.batch_tokens})",
    )
    add(
        "--longest",
        type=positive,
        default=1024,
        metavar="N",
        help="examples with more tokens are left out and counted (1024)",
    )
    add(
        "--held-out",
        type=share,
        default=PLAIN.held_out,
        metavar="X",
        help=f"the share of examples held out to judge the training ({PLAIN.held_out}); "
        "0: none, and the last step is kept",
    )
    add(
        "--patience",
        type=positive,
        default=PLAIN.patience,
        metavar="N",
        help="stop after this many checks of the held-out loss, two an epoch, without "
        f"improvement ({PLAIN.patience})",
    )
    add("--seed", type=seed, default=PLAIN.seed, metavar="N", help=f"({PLAIN.seed})")
    add("--chat-template", type=Path, metavar="FILE", help="a Jinja template for the model's turns")


def above_zero(text: str) -> float:
    """A number above zero that float32 can hold, for argparse."""
    number = finite(text)
    if not 0 < number <= LARGEST:
        raise argparse.ArgumentTypeError(f"{text} is not above zero, or above {LARGEST:,}")
    return number


def rate(text: str) -> float:
    """A learning rate, for argparse."""
    number = finite(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return number


def share(text: str) -> float:
    """A share below one, for argparse."""
    number = finite(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to below 1")
    return number


def wish_of(args: argparse.Namespace) -> Wish:
    """The options as the run takes them."""
    return Wish(
        args.rank,
        args.alpha or 2.0 * args.rank,
        args.matrices,
        args.epochs,
        args.rate,
        args.batch_tokens,
        args.held_out,
        args.patience,
        args.seed,
    )


def run(args: argparse.Namespace) -> int:
    """Refuse what cannot work, train, write adapter and card."""
    require_torch()
    from edgemed.training import checkpoint

    progress = checkpoint.place(args.out)
    written = [args.out, card.place(args.out), progress]
    refuse_inputs(args.out, written, [args.model, args.examples])
    for path in written[:2]:
        refuse_place(path, args.force)
    if progress.exists() and not (args.resume or args.finish or args.force):
        raise Refused(
            f"{progress} is from a run that was stopped",
            "add --resume to continue it, --finish to write the adapter now, --force to start over",
        )
    data = data_of(args)
    base = card.Base(args.model, sha256_of(args.model))
    mark = data.mark(Log(default_place()).key_for("examples"))
    training = trained(args, data, card.run_name(base, mark, wish_of(args)), progress)
    write(args, base, data, mark, training)
    progress.unlink(missing_ok=True)
    return 0


def data_of(args: argparse.Namespace) -> Data:
    """The examples, encoded by the model's own template and vocabulary."""
    template = None
    if args.chat_template:
        try:
            template = read_bounded(args.chat_template, "chat template").decode("utf-8")
        except (OSError, UnicodeDecodeError):
            raise EdgemedError(f"cannot read {args.chat_template}", "check the file") from None
    return encode_for(args.model, template, read_examples(args.examples), args.longest)


def trained(args: argparse.Namespace, data: Data, name: str, progress: Path) -> "Training":
    """Run the training called `name` to its end, from its start or from where it was stopped."""
    import torch

    from edgemed.training import checkpoint
    from edgemed.training.adapt import Training, train

    torch.set_num_threads(args.threads)
    _, model = load_trainable(args.model)
    training = Training(model, data, wish_of(args))
    model.keep = keeps(args.model, training)
    if args.resume or args.finish:
        training.restore(checkpoint.load(progress, name))
    if args.finish:
        tell_look(training.look())
        return training
    tell_plan(data, training)
    train(training, lambda s: checkpoint.save(progress, name, s), shower(), tell_look)
    return training


def write(
    args: argparse.Namespace, base: card.Base, data: Data, mark: str, training: "Training"
) -> None:
    """The adapter and its card. EdgemedError where the held-out loss never fell."""
    if training.held and not training.state.best:
        raise EdgemedError(
            "the held-out loss never fell: no adapter is written",
            "give more examples, or a smaller --rate",
        )
    architecture = training.model.shape.kind
    adapter = Adapter(architecture, training.pairs(), {"base_sha256": base.sha256})
    whole = adapter_bytes(adapter, args.out_type)
    made = card.card(base, data, mark, training, whole, args.threads)
    with in_words(args.out):
        write_whole(card.place(args.out), card.as_json(made))
        write_whole(args.out, whole)
    print(
        f"{printable(str(args.out))}: {amount(len(whole), 'byte')}, "
        f"from step {training.state.best}",
        file=sys.stderr,
    )


def keeps(path: Path, training: "Training") -> bool:
    """Whether all activations fit in memory, so that none is computed twice; prints the need by
    part. Refused where the run does not fit either way.
    """
    weights = sum(parameter.numel() for parameter in training.trained)
    shape, block = training.model.shape, training.model.blocks[0]
    inner = block.linears["ffn_up"].matrix.rows
    sizes = Sizes(shape.layers, shape.width, inner, path.stat().st_size)
    need = planned(sizes, weights, training.longest_step, system_memory()[1])
    said = ", ".join(f"{part} {size / 1e6:,.0f} MB" for part, size in need.parts.items())
    way = (
        "every block is computed once" if need.kept else "blocks are computed twice, to save memory"
    )
    print(
        f"memory: at most {need.total / 1e6:,.0f} MB: {said}; {way}",
        file=sys.stderr,
    )
    return need.kept


def tell_plan(data: Data, training: "Training") -> None:
    """Print what will be done, before it begins."""
    weights = sum(parameter.numel() for parameter in training.trained)
    print(
        f"{amount(len(training.learned), 'example')} to learn from, {len(training.held)} held out, "
        f"{data.left_out} left out (over {amount(data.longest, 'token')})\n"
        f"{amount(weights, 'weight')} beside {amount(len(training.paths), 'matrix', 'matrices')}, "
        f"{amount(len(training.batches), 'step')} "
        f"of {amount(training.tokens_from(0), 'token')} in all",
        file=sys.stderr,
    )


def tell_look(point: "Point") -> None:
    """Losses at a step, a line each."""
    said = [] if point.learned is None else [f"learned from {point.learned:.4f}"]
    said += [] if point.held is None else [f"held out {point.held:.4f}"]
    if said:
        print(f"step {point.step}: loss {', '.join(said)}", file=sys.stderr)


def shower() -> Callable[["Progress"], None]:
    """What prints how far a run is, not too often."""
    shown = time.monotonic()

    def show(progress: "Progress") -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= SECONDS_BETWEEN_LINES:
            shown = now
            print(
                f"step {progress.step} of {progress.steps}: loss {progress.loss:.4f}, "
                f"{progress.tokens_per_second:,.0f} tokens/s, "
                f"at most {progress.left / 60:.0f} min left",
                file=sys.stderr,
            )

    return show
