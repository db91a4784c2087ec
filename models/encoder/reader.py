"""Trains the second reader: does the evidence say the same as a claim, something else, or nothing?

    pip install -e '.[encoder]'
    python -m models.encoder.reader --data DIR --work DIR [--each 130] [--minutes 42]

Begins with the sentence encoder that ships and learns from errors planted by program into the
training files of ACI-Bench and MTS-Dialog (DIR/aci-bench, DIR/mts-dialog). Two kinds of error stay
out (`--leave-out`), so that `python -m tests.bench.reader` can say whether it learned to read or
only to recognize the planter. Rows, checkpoints and reader.onnx go to the work folder; a run that
was stopped continues from its last checkpoint. No reader is shipped: what it would add is in
docs/benchmarks.md.
"""

import argparse
import hashlib
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from edgemed_models.encoder import read
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from models.encoder.reader_graph import ReaderGraph
from models.encoder.reader_model import Reader, shipped
from models.encoder.reader_rows import Row, batches, pairs, row, visits

FILES = ("aci-bench/train.csv", "mts-dialog/MTS-Dialog-TrainingSet.csv")
LEFT_OUT = ("severity", "body part")
WATCHED = 20  # one document in this many is held out, to watch the loss on
RATE, HEAD_RATE, WARM = 1e-4, 1e-3, 0.06
TOKENS = 0.5  # weight of the loss that marks the wrong tokens
SAVE_EVERY, LOG_EVERY = 50, 10
LARGEST = 63  # of an int8 weight, see `export.py`


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--each", type=int, default=130, help="planted errors of each kind")
    parser.add_argument("--documents", type=int, default=350, help="at most this many short ones")
    parser.add_argument("--leave-out", nargs="*", default=LEFT_OUT, help="kinds not trained on")
    parser.add_argument("--steps", type=int, default=480, help="in all; 480 see each pair once")
    parser.add_argument("--size", type=int, default=16, help="pairs of a step")
    parser.add_argument(
        "--minutes", type=float, default=42, help="stop here; the next run continues"
    )
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(5)
    rows = made(args)
    learned, watched = parted(rows)
    order = ordered(learned, args.size, args.steps)
    print(f"{len(learned)} pairs in {len(order)} steps, {len(watched)} to watch", flush=True)
    model = train(order, watched, args)
    export(model, args.work / "reader.onnx")


def ordered(rows: Sequence[Row], size: int, steps: int) -> list[list[Row]]:
    """The batches of all steps: the rows in a new order after each pass over all."""
    epochs = -(-steps * size // len(rows))
    found = [b for n in range(epochs) for b in batches(rows, size, random.Random(n))]
    return found[:steps]


def made(args: argparse.Namespace) -> list[Row]:
    """The rows of the work folder, made there first."""
    path = args.work / "rows.jsonl"
    if not path.is_file():
        found = [visits([args.data / name]) for name in FILES]
        short = random.Random(1).sample(found[1], min(args.documents, len(found[1])))
        tokenizer = Tokenizer.from_str(read("tokenizer.json").decode())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        rows = [row(tokenizer, p) for p in pairs([*found[0], *short], args.each, args.leave_out)]
        path.write_text("".join(f"{json.dumps(asdict(r))}\n" for r in rows), "utf-8")
    return [Row(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def parted(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows to learn and rows to watch, of other documents."""
    watched = [r for r in rows if hashlib.sha256(r.document.encode()).digest()[1] % WATCHED == 0]
    names = {r.document for r in watched}
    return [r for r in rows if r.document not in names], watched


def tensors_of(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids, where the claim is, labels, and where it is wrong, padded to the longest row."""
    longest = max(len(r.ids) for r in rows)
    ids = np.zeros((len(rows), longest), np.int64)
    claim, wrong = np.zeros(ids.shape, bool), np.zeros(ids.shape, np.float32)
    for i, r in enumerate(rows):
        ids[i, : len(r.ids)] = r.ids
        claim[i, : r.claim] = True
        wrong[i, list(r.wrong)] = 1
    labels = np.array([r.label for r in rows])
    found = (torch.from_numpy(a) for a in (ids, claim, labels, wrong))
    return next(found), next(found), next(found), next(found)


def loss_of(model: Reader, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the labels, plus that of the claim's tokens; and the labels' scores."""
    ids, claim, labels, wrong = tensors_of(rows)
    scores, tokens = model(ids, claim)
    pointed = F.binary_cross_entropy_with_logits(tokens[claim], wrong[claim])
    return F.cross_entropy(scores, labels) + TOKENS * pointed, scores


def train(order: Sequence[list[Row]], watched: Sequence[Row], args: argparse.Namespace) -> Reader:
    """All steps that are left, or as many as the minutes allow."""
    model = Reader().begin(shipped())
    optimizer = prepared(model)
    path, done = args.work / "checkpoint.pt", 0
    if path.is_file():
        held = torch.load(path, weights_only=True)
        model.load_state_dict(held["model"])
        optimizer.load_state_dict(held["optimizer"])
        done = held["done"]
    began, losses = time.monotonic(), []
    for step in range(done, len(order)):
        for group in optimizer.param_groups:
            group["lr"] = group["most"] * share_of_rate(step / len(order))
        loss, _ = loss_of(model, order[step])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        minutes = (time.monotonic() - began) / 60
        if (step + 1) % LOG_EVERY == 0:
            print(f"{step + 1} loss {np.mean(losses[-50:]):.4f} {minutes:.1f} min", flush=True)
        last = step + 1 == len(order) or minutes > args.minutes
        if last or (step + 1) % SAVE_EVERY == 0:
            held = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(held | {"done": step + 1}, path)
        if last:
            print(f"{step + 1} of {len(order)} steps", flush=True)
            break
    watch(model, watched)
    return model


def prepared(model: Reader) -> torch.optim.Optimizer:
    """AdamW over all but the word vectors, more than half of the weights and the slowest step."""
    model.words.requires_grad_(False)
    head = [*model.token.parameters(), *model.verdict.parameters()]
    heads = set(map(id, head))
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in heads]
    groups = [{"params": rest, "most": RATE}, {"params": head, "most": HEAD_RATE}]
    return torch.optim.AdamW(groups, lr=RATE, weight_decay=0.01)


def share_of_rate(done: float) -> float:
    """The learning rate: up over the first steps, then down to 0."""
    return min(done / WARM, (1 - done) / (1 - WARM)) + 1e-3


def watch(model: Reader, rows: Sequence[Row]) -> None:
    """How well the three labels are told apart on held-out documents."""
    right = []
    with torch.no_grad():
        for batch in batches(rows, 64, random.Random(0)):
            _, scores = loss_of(model, batch)
            right += [(r.label, int(s)) for r, s in zip(batch, scores.argmax(1), strict=True)]
    for label in range(3):
        of = [guess == label for truth, guess in right if truth == label]
        print(f"label {label}: {np.mean(of):.3f} of {len(of)} right", flush=True)


def export(model: Reader, path: Path) -> None:
    graph = ReaderGraph(model.tensors(), "int8", LARGEST).build()
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString(deterministic=True))
    print(path, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
