"""Vectors (norms, biases) mixed linearly or along the sphere: how far apart the merges are.

    python -m tests.bench.vectors
    python -m tests.bench.vectors --model SmolLM2-135M-Instruct.Q4_1.gguf --text notes.txt

Every method of angles merges two models twice, at equal weights and with F32 output, and llama.cpp
runs both merges over the same documents. Without --model the two are the embedded scale models
(clinical and instruct, of one base), and documents are items of their generators, of which the
answers are scored. With --model they are two siblings of it: to every matrix a change of low rank
is added, as adapters do (--rank, --size of its norm), and every norm is multiplied by 1 + noise
(--norms, standard deviation).

Printed for each method, in nats per token: the mean Kullback-Leibler divergence of the merge on the
sphere from the linear one, that of the linear merge from its parents as a measure of what matters,
and how much more loss the sphere has on the documents, with a 95 % interval over documents.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import llama_cpp
import numpy as np
from edgemed_models import scale
from edgemed_models.scale.examination import AXES, questions
from edgemed_models.scale.items import ASSISTANT, END, USER
from numpy.typing import NDArray

from edgemed import quantize
from edgemed.gguf import open_model
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import Recipe, Slice, Source
from edgemed.merging.run.run import run_plan
from tests.bench.divergence import (
    LONGEST,
    RESAMPLES,
    SILENCE,
    log_probabilities,
    model,
)

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

METHODS = (
    ("slerp", False),
    ("nuslerp", False),
    ("nuslerp", True),
    ("multislerp", False),
    ("multislerp", True),
    ("karcher", False),
)
"""(method, whether it mixes deltas from the base)."""


class Document(NamedTuple):
    """Token ids, of which those from number `start` are scored."""

    ids: list[int]
    start: int


Documents = list[Document]


class Run(NamedTuple):
    """What one model expects after every token of every document, and its loss in each."""

    expected: list[F32]
    loss: F64


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="a model to make two siblings of")
    parser.add_argument("--text", type=Path, help="documents for it, one a line")
    parser.add_argument("--documents", type=int, default=48)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--size", type=float, default=0.05, help="change over weights, in norm")
    parser.add_argument("--norms", type=float, default=0.02, help="noise on norms")
    names = sorted({method for method, _ in METHODS})
    parser.add_argument("--methods", nargs="*", default=names, choices=names)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    llama_cpp.llama_log_set(SILENCE, None)
    with tempfile.TemporaryDirectory() as folder:
        trio = siblings(args, Path(folder)) if args.model else scale_models()
        documents = chosen(trio[0], args)
        words = f", size {args.size}, norms {args.norms}" if args.model else ""
        print(f"{date.today()}, {trio[0].name}{words}, {len(documents)} documents", flush=True)
        parents = [measured(path, documents, args.threads) for path in trio[1:]]
        print(
            f"{'method':22}{'KL(linear|sphere)':>19}{'KL(parents|linear)':>20}   loss, sphere more"
        )
        for method, based in (m for m in METHODS if m[0] in args.methods):
            print(line(method, based, trio, documents, parents, args.threads), flush=True)


def scale_models() -> list[Path]:
    """Base, clinical, instruct."""
    folder = Path(scale.__path__[0])
    return [folder / f"{name}.gguf" for name in ("base", "clinical", "instruct")]


def siblings(args: argparse.Namespace, folder: Path) -> list[Path]:
    """The model in F32, and two models that were changed from it."""
    paths = [folder / f"{name}.gguf" for name in ("model", "first", "second")]
    for seed, path in enumerate(paths):
        quantize(args.model, path, "F32", threads=args.threads)
        if seed:
            change(path, np.random.default_rng(seed), args.rank, args.size, args.norms)
    return paths


def change(path: Path, rng: np.random.Generator, rank: int, size: float, norms: float) -> None:
    """Alter an F32 file in place: matrices by a product of thin ones, vectors by factors."""
    for tensor in open_model(path).tensors.values():
        shape = tensor.shape[::-1]
        x = np.memmap(path, np.float32, "r+", tensor.offset, shape)
        if len(shape) == 1:
            x *= 1 + norms * rng.standard_normal(shape)
        elif len(shape) == 2:
            delta = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
            x += delta * (size * np.linalg.norm(x) / np.linalg.norm(delta))
        x.flush()


def chosen(first: Path, args: argparse.Namespace) -> Documents:
    """What is read, and from where on it is scored."""
    with model(first, args.threads) as llama:
        if not args.model:
            items = [q.item for axis in AXES for q in questions(axis, args.documents, 1)]
            heads = [f"{USER}{item.prompt}{END}{ASSISTANT}" for item in items]
            texts = [f"{h}{item.answer}{END}" for h, item in zip(heads, items, strict=True)]
            start = [len(llama.tokenize(head.encode(), special=True)) for head in heads]
            ids = [llama.tokenize(text.encode(), special=True) for text in texts]
        else:
            lines = args.text.read_text("utf-8").splitlines()
            ids = [llama.tokenize(text.encode())[:LONGEST] for text in lines if text.strip()]
            start = [1] * len(ids)
    found = [Document(i, s) for i, s in zip(ids, start, strict=True) if s < len(i) <= LONGEST]
    step = max(1, len(found) // args.documents)
    return found[::step][: args.documents]


def measured(path: Path, documents: Documents, threads: int) -> Run:
    """Run a model over all documents."""
    expected, loss = [], []
    with model(path, threads) as llama:
        for ids, start in documents:
            rows = log_probabilities(llama, ids)[start - 1 : -1]
            expected.append(rows)
            loss.append(-rows[np.arange(len(rows)), ids[start:]].mean(dtype=np.float64))
    return Run(expected, np.array(loss))


def merge(method: str, based: bool, trio: Sequence[Path], vectors: str, out: Path) -> None:
    """Both models at equal weights, with F32 output."""
    sources = tuple(Source(path) for path in trio[1:])
    settings = {"t": 0.5} if method == "slerp" else {"weight": 1.0}
    base = trio[1] if method == "slerp" else trio[0] if based else None
    recipe = Recipe(
        method,
        (Slice(sources),),
        base,
        {**settings, "vectors": vectors},
        out_type="F32",
        tokenizer=str(trio[1]),
    )
    run_plan(plan_merge(recipe, out, 1, replace=True))


def line(
    method: str,
    based: bool,
    trio: Sequence[Path],
    documents: Documents,
    parents: Sequence[Run],
    threads: int,
) -> str:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        out, runs = Path(folder) / "merge.gguf", {}
        for vectors in ("linear", "sphere"):
            merge(method, based, trio, vectors, out)
            runs[vectors] = measured(out, documents, threads)
    linear, sphere = runs["linear"], runs["sphere"]
    apart = divergence(linear, sphere)
    matter = float(np.mean([divergence(parent, linear) for parent in parents]))
    more = sphere.loss - linear.loss
    rng = np.random.default_rng(0)
    means = np.sort([more[rng.integers(0, len(more), len(more))].mean() for _ in range(RESAMPLES)])
    low, high = means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]
    name = f"{method}{' of deltas' if based else ''}"
    return (
        f"{name:22}{apart:19.2e}{matter:20.2e}   {more.mean():+.2e} ({low:+.2e} to {high:+.2e}) "
        f"of {linear.loss.mean():.3f}"
    )


def divergence(truth: Run, other: Run) -> float:
    """Mean over all positions of all documents, in nats."""
    total, count = 0.0, 0
    for p, q in zip(truth.expected, other.expected, strict=True):
        total += float((np.exp(p) * (p - q)).sum(dtype=np.float64))
        count += len(p)
    return total / count


if __name__ == "__main__":
    sys.exit(main())
