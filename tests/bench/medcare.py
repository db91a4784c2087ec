"""MedCare's ways on public dialogues: losses in training, in llama.cpp, and folded.

    python -m tests.bench.medcare MODEL.gguf --data ../shared/data/clinical --work FOLDER

Trains, from the same examples of MTS-Dialog and with the same seed: plain LoRA, stage 1 with the
noise dropped and kept, stage 2 from the first of these with and without the orthogonal term. Then
the mean loss of a token of the held-out answers: in the trainer, in llama.cpp with the adapter
beside MODEL, and folded. FOLDER keeps adapters and cards (and the dialogues: keep it to yourself):
what is there already is not trained again, and a run that was stopped goes on.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from edgemed_models.engine.settings import Settings

from edgemed.cli.main import main as edgemed
from edgemed.local_models.loading import start
from edgemed.training import card, checkpoint
from edgemed.training.encoded import Data, encode_for
from edgemed.training.examples import read_examples
from edgemed.training.packing import packed
from edgemed.training.schedule import split
from edgemed.training.trainable import load_trainable
from models.partner.examples import choose, write
from models.partner.rows import read_rows
from tests.oracles.llama_adapter import answer_loss

STAGE_ONE, STAGE_TWO = (
    ("--method", "medcare", "--stage", "1"),
    ("--method", "medcare", "--stage", "2"),
)
WAYS: dict[str, tuple[str, ...]] = {
    "lora": (),
    "dropped": STAGE_ONE,
    "kept": (*STAGE_ONE, "--noise", "keep"),
    "orthogonal": (*STAGE_TWO, "--from", "dropped.gguf"),
    "free": (*STAGE_TWO, "--from", "dropped.gguf", "--orthogonal", "0"),
}
"""What is added to the command, by the adapter's name."""
FOLDS = ("F32", "Q8_0", "as the model")


@dataclass(frozen=True, slots=True)
class Place:
    """What all runs share."""

    model: Path
    work: Path
    threads: int
    held_out: float
    seed: int

    @property
    def examples(self) -> Path:
        return self.work / "examples.jsonl"


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="tests.bench.medcare", description=__doc__)
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL")
    add("--data", type=Path, required=True, metavar="FOLDER")
    add("--work", type=Path, required=True, metavar="FOLDER")
    add("--rows", type=int, default=60, help="of the training set, from its first (60)")
    add("--longest", type=int, default=330, help="tokens of an example (330)")
    add("--epochs", default="2")
    add("--rate", default="6e-4")
    add("--held-out", type=float, default=0.2)
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=1)
    add("--ways", nargs="+", choices=tuple(WAYS), default=list(WAYS))
    return parser.parse_args(words)


def write_examples(args: argparse.Namespace, out: Path) -> None:
    """The first rows of the training set that are short enough."""
    settings = Settings(str(args.model.resolve()), context=0, threads=1, vocab_only=True)
    model = start(settings)
    try:
        rows = read_rows(args.data, "mts-dialog", "training")[: args.rows]
        found = choose(model, rows, args.longest)
    finally:
        model.close()
    write(out, found.rows)
    print(f"{dict(found.counts)}, {found.tokens:,} tokens", flush=True)


def train(args: argparse.Namespace, place: Place, way: str) -> float:
    """The adapter of one way; seconds, 0 where it was there."""
    out, began = place.work / f"{way}.gguf", time.monotonic()
    if out.exists():
        return 0.0
    own = [str(place.work / w) if w.endswith(".gguf") else w for w in WAYS[way]]
    again = ["--resume"] if checkpoint.place(out).exists() else []
    words = ["--epochs", args.epochs, "--rate", args.rate, "--held-out", str(place.held_out)]
    words += ["--seed", str(place.seed), "--threads", str(place.threads), *own, *again]
    examples = ["--examples", str(place.examples), "-o", str(out)]
    code = edgemed(["adapt", str(place.model), *examples, *words])
    if code:
        raise SystemExit(code)
    return time.monotonic() - began


def held_of(place: Place) -> Data:
    """The held-out examples, as the runs chose them."""
    data = encode_for(place.model, None, read_examples(place.examples), 1024)
    _, held = split(len(data.rows), place.held_out, place.seed)
    return Data(tuple(data.rows[n] for n in held), 0, data.longest)


@torch.no_grad()
def loss_in_trainer(model: Path, data: Data) -> float:
    """Mean loss of an answer's token."""
    _, loaded = load_trainable(model)
    total = sum(float(loaded.loss(*packed([row]))) for row in data.rows)
    return total / sum(row.answer for row in data.rows)


def loss_in_llama_cpp(model: Path, adapter: Path | None, data: Data) -> float:
    """The same by llama.cpp, with the adapter beside the model."""
    losses = [answer_loss(model, adapter, r.ids, r.answer) * r.answer for r in data.rows]
    return sum(losses) / sum(row.answer for row in data.rows)


def folded(place: Place, adapter: Path, data: Data) -> Iterator[float]:
    """The losses of the folds, each file removed again."""
    out = place.work / "folded.gguf"
    for type in FOLDS:
        own = [] if type == "as the model" else ["--out-type", type]
        words = ["--force", "--threads", str(place.threads), *own]
        if edgemed(["fold", str(place.model), str(adapter), "-o", str(out), *words]):
            raise SystemExit(1)
        yield loss_in_trainer(out, data)
        out.unlink()


def row(place: Place, way: str, data: Data, seconds: float) -> str:
    """A line of the table."""
    adapter = place.work / f"{way}.gguf"
    made = json.loads(card.place(adapter).read_text("utf-8"))
    best = min(point["held"] for point in made["curve"])
    parts = ", ".join(f"{n} {loss:.3f}" for n, loss in made.get("parts", {}).items())
    beside = loss_in_llama_cpp(place.model, adapter, data)
    folds = " | ".join(f"{loss:.3f}" for loss in folded(place, adapter, data))
    size = adapter.stat().st_size / 1e6
    return f"| {way} | {best:.3f} | {beside:.3f} | {folds} | {size:.1f} | {parts} | {seconds:.0f} |"


def main(words: list[str] | None = None) -> None:
    """Train what is missing, then print the table."""
    args = parsed(words)
    args.work.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Place(args.model, args.work, args.threads, args.held_out, args.seed)
    torch.set_num_threads(args.threads)
    if not place.examples.exists():
        write_examples(args, place.examples)
    seconds = {way: train(args, place, way) for way in args.ways}
    data = held_of(place)
    plain = loss_in_trainer(place.model, data)
    beside = loss_in_llama_cpp(place.model, None, data)
    print(f"| way | trainer | llama.cpp, unfolded | {' | '.join(FOLDS)} | MB | parts | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    print(f"| no adapter | {plain:.3f} | {beside:.3f} | | | | | | |", flush=True)
    for way in args.ways:
        print(row(place, way, data, seconds[way]), flush=True)


if __name__ == "__main__":
    main()
