"""MedCare's ways on public dialogues: losses in training, in llama.cpp, and folded.

    python -m tests.bench.medcare MODEL.gguf --data ../shared/data/clinical --work FOLDER

Trains stage 1 on the first rows of MTS-Dialog's training set, with the noise dropped and kept;
then stage 2 on the next rows, from the first of these, with and without the orthogonal term. Prints
the mean loss of a token of the held-out answers: in the trainer, in llama.cpp with the adapter
beside MODEL, and folded. FOLDER keeps adapters and cards (and the dialogues: keep it to yourself):
what is there already is not trained again, and a run that was stopped goes on.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from edgemed_models.engine.settings import EngineSettings

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
from tests.oracles.llama_adapter import answers_loss

STAGE_ONE = ("--method", "medcare", "--stage", "1", "--epochs", "2", "--rate", "6e-4")
STAGE_TWO = ("--method", "medcare", "--stage", "2", "--epochs", "1", "--rate", "3e-4",
             "--stage-one", "dropped.gguf")  # fmt: skip
WAYS: dict[str, tuple[str, ...]] = {
    "dropped": STAGE_ONE,
    "kept": (*STAGE_ONE, "--noise", "keep"),
    "orthogonal": STAGE_TWO,
    "free": (*STAGE_TWO, "--orthogonal", "0"),
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

    def examples(self, way: str) -> Path:
        """What a way learns from."""
        return self.work / ("second.jsonl" if "--stage-one" in WAYS[way] else "first.jsonl")


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="tests.bench.medcare", description=__doc__)
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL")
    add("--data", type=Path, required=True, metavar="FOLDER")
    add("--work", type=Path, required=True, metavar="FOLDER")
    add("--rows", type=int, nargs=2, default=[60, 45], help="of the training set, by stage (60 45)")
    add("--longest", type=int, default=250, help="tokens of an example (250)")
    add("--held-out", type=float, default=0.2)
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=1)
    add("--folds", nargs="*", choices=FOLDS, default=list(FOLDS), help="types to fold into")
    add("--ways", nargs="+", choices=tuple(WAYS), default=list(WAYS))
    return parser.parse_args(words)


def write_examples(args: argparse.Namespace, place: Place) -> None:
    """The first rows of the training set that are short enough, and the next ones."""
    settings = EngineSettings(str(args.model.resolve()), context=0, threads=1, vocab_only=True)
    model = start(settings)
    try:
        rows, (first, second) = read_rows(args.data, "mts-dialog", "training"), args.rows
        for way, own in (("dropped", rows[:first]), ("free", rows[first : first + second])):
            found = choose(model, own, args.longest)
            write(place.examples(way), found.rows)
            print(f"{way}: {dict(found.counts)}, {found.tokens:,} tokens", flush=True)
    finally:
        model.close()


def train(place: Place, way: str) -> None:
    """The adapter of one way."""
    out = place.work / f"{way}.gguf"
    if out.exists():
        return
    own = [str(place.work / w) if w.endswith(".gguf") else w for w in WAYS[way]]
    again = ["--resume"] if checkpoint.place(out).exists() else []
    words = ["--held-out", str(place.held_out), "--seed", str(place.seed)]
    words += ["--threads", str(place.threads), *own, *again]
    examples = ["--examples", str(place.examples(way)), "-o", str(out)]
    code = edgemed(["adapt", str(place.model), *examples, *words])
    if code:
        raise SystemExit(code)


def held_of(place: Place, way: str) -> Data:
    """The held-out examples, as the run chose them."""
    data = encode_for(place.model, None, read_examples(place.examples(way)), 1024)
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
    return answers_loss(model, adapter, [(row.ids, row.answer) for row in data.rows])


def folded(place: Place, adapter: Path, types: list[str], data: Data) -> Iterator[float]:
    """The losses of the folds, each file removed again."""
    out = place.work / "folded.gguf"
    for type in types:
        own = [] if type == "as the model" else ["--out-type", type]
        words = ["--force", "--threads", str(place.threads), *own]
        if edgemed(["fold", str(place.model), str(adapter), "-o", str(out), *words]):
            raise SystemExit(1)
        yield loss_in_trainer(out, data)
        out.unlink()


def row(place: Place, way: str, types: list[str]) -> str:
    """A line of the table."""
    adapter, data = place.work / f"{way}.gguf", held_of(place, way)
    made = json.loads(card.place(adapter).read_text("utf-8"))
    begun = made["curve"][0]["held"]
    best = min(point["held"] for point in made["curve"])
    parts = ", ".join(f"{n} {loss:.3f}" for n, loss in made["parts"].items())
    beside = loss_in_llama_cpp(place.model, adapter, data)
    folds = "".join(f"{loss:.3f} | " for loss in folded(place, adapter, types, data))
    size = adapter.stat().st_size / 1e6
    overlap = "{first:,.0f}, {best:,.0f}".format(**made["overlap"]) if "overlap" in made else ""
    return (
        f"| {way} | {begun:.3f} | {best:.3f} | {beside:.3f} | {folds}{size:.1f} | {parts} | "
        f"{overlap} |"
    )


def plain(place: Place, way: str) -> str:
    """A line of the model alone, on the held-out examples of a way."""
    data = held_of(place, way)
    loss = loss_in_trainer(place.model, data)
    beside = loss_in_llama_cpp(place.model, None, data)
    return f"| no adapter ({place.examples(way).stem}) | | {loss:.3f} | {beside:.3f} |"


def main(words: list[str] | None = None) -> None:
    """Train what is missing, then print the table."""
    args = parsed(words)
    args.work.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Place(args.model, args.work, args.threads, args.held_out, args.seed)
    torch.set_num_threads(args.threads)
    if not place.examples("free").exists():
        write_examples(args, place)
    for way in args.ways:
        train(place, way)
    titles = ("way", "begun at", "best", "llama.cpp", *args.folds, "MB", "parts", "overlap")
    print(f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|")
    for way in args.ways:
        print(row(place, way, args.folds), flush=True)
    for way in {place.examples(way): way for way in args.ways}.values():
        print(plain(place, way), flush=True)


if __name__ == "__main__":
    main()
