"""Merges of quantized forms of a real model, in every method, beside llama.cpp's detour.

    python -m tests.bench.merged_forms MODEL.gguf --partner ADAPTER.gguf --text FILE

MODEL is decoded to F32, the adapter folded into it makes the second parent, and a third is MODEL
with a change by chance of low rank in every matrix. All three are written in every form (--forms),
and merged in that form by every method: methods that need a base mix the second and the third onto
MODEL, the others MODEL and the second.

Three files come of it: the merge in F32 is the truth, the merge in the form is ours, and the detour
is the merge in F32 as llama-quantize writes it in that form, which is what one has without edgemed.
llama.cpp runs all three over the documents (--text, one a line). Printed are mean Kullback-Leibler
divergences from the truth in nats per token, the ratio of both with a 95 % interval over documents,
and beside the form how far the truth is from MODEL in F32, as a measure of what matters.
"""

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from edgemed import fold, quantize
from edgemed.errors import EdgemedError
from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import weighted
from edgemed.merging.run.run import run_plan
from edgemed.quantizing.file_types import FILE_TYPES
from tests.bench.divergence import (
    LONGEST,
    RESAMPLES,
    SILENCE,
    divergence,
    llama_quantize,
    log_probabilities,
    model,
    types_in,
)
from tests.bench.merge import groups
from tests.bench.vectors import change

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Case = tuple[str, dict[str, Any]]

FORMS = ("Q4_1", "Q8_0", "Q5_1", "Q4_K_M")
PARENTS = ("model", "partner", "other")
RANK, SIZE = 16, 0.02
"""The change by chance: its rank, and its norm over that of the weights."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--partner", type=Path, required=True, help="an adapter of it")
    parser.add_argument("--text", type=Path, required=True, help="documents, one a line")
    parser.add_argument("--documents", type=int, default=6)
    parser.add_argument("--forms", nargs="*", default=FORMS, choices=FILE_TYPES)
    parser.add_argument("--methods", nargs="*", default=[], help="default: all")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    llama_cpp.llama_log_set(SILENCE, None)
    with tempfile.TemporaryDirectory() as folder:
        run(args, Path(folder))


def run(args: argparse.Namespace, folder: Path) -> None:
    """Print a table a form."""
    originals = parents(args, folder)
    documents = chosen(originals[0], args)
    print(f"{date.today()}, {args.model.name}, {sum(map(len, documents))} tokens", flush=True)
    for form in args.forms:
        files = [folder / f"{name}.{form}.gguf" for name in PARENTS]
        for original, path in zip(originals, files, strict=True):
            quantize(original, path, form, threads=args.threads)
        plain = expectations(files[0], documents, args.threads)
        print(f"{form:26}{'ours':>10}{'detour':>10}   ratio{'':24}truth from {form} model")
        for name, based, case in cases(args.methods):
            sources = files if based else files[:2]
            print(line(name, case, sources, form, documents, plain, args.threads), flush=True)
        for path in files:
            path.unlink()


def parents(args: argparse.Namespace, folder: Path) -> list[Path]:
    """The model, its partner and the one changed by chance, in F32."""
    paths = [folder / f"{name}.gguf" for name in PARENTS]
    quantize(args.model, paths[0], "F32", threads=args.threads)
    fold(args.model, args.partner, out=paths[1], out_type="F32", threads=args.threads)
    paths[2].write_bytes(paths[0].read_bytes())
    change(paths[2], np.random.default_rng(0), RANK, SIZE, norms=0.0)
    return paths


def chosen(path: Path, args: argparse.Namespace) -> list[list[int]]:
    """Token ids of the first documents that are long enough."""
    with model(path, args.threads) as llama:
        lines = (line for line in args.text.read_text("utf-8").splitlines() if line.strip())
        ids = [llama.tokenize(line.encode())[:LONGEST] for line in lines]
    return [document for document in ids if len(document) >= LONGEST // 2][: args.documents]


def cases(names: Sequence[str]) -> Iterator[tuple[str, bool, Case]]:
    """Every method asked for: its name, whether it has a base of its own, its settings."""
    known = groups([], METHODS)
    known[False]["linear"] = ("linear", {"weight": 0.5})
    for based, found in known.items():
        for name, case in sorted(found.items()):
            if not names or name in names:
                yield name, based, case


def line(
    name: str,
    case: Case,
    sources: Sequence[Path],
    form: str,
    documents: Sequence[list[int]],
    plain: Sequence[F32],
    threads: int,
) -> str:
    """One row of the table, or why there is none."""
    with tempfile.TemporaryDirectory(dir=sources[0].parent) as folder:
        truth, ours, detour = (Path(folder) / f"{n}.gguf" for n in ("truth", "ours", "detour"))
        try:
            merge(case, sources, truth, "F32", threads)
            merge(case, sources, ours, form, threads)
        except EdgemedError as error:
            return f"  {name:24}{error}"
        llama_quantize(truth, detour, FILE_TYPES[form].number, None)
        if types_in(ours) != types_in(detour):
            sys.exit(f"{name}: {form} means other types to llama.cpp")
        expected = expectations(truth, documents, threads)
        sums = [divergence(path, list(documents), expected, threads) for path in (ours, detour)]
    positions = sum(len(document) for document in documents)
    both = [float(s.sum()) / positions for s in sums]
    low, high = interval(*sums)
    return (
        f"  {name:24}{both[0]:10.5f}{both[1]:10.5f}   {both[0] / both[1]:.3f} "
        f"({low:.3f} to {high:.3f})   {apart(expected, plain):.4f}"
    )


def merge(case: Case, sources: Sequence[Path], out: Path, kind: str, threads: int) -> None:
    method, settings = case
    base, models = (sources[0], sources[1:]) if len(sources) == 3 else (None, sources)
    if method == "passthrough":
        models = models[-1:]
    recipe = weighted(list(models), method, base, None, settings)
    recipe = dataclasses.replace(recipe, out_type=kind)
    run_plan(plan_merge(recipe, out, threads, replace=True))


def expectations(path: Path, documents: Sequence[list[int]], threads: int) -> list[F32]:
    with model(path, threads) as llama:
        return [log_probabilities(llama, document) for document in documents]


def apart(truth: Sequence[F32], other: Sequence[F32]) -> float:
    """Mean divergence of `other` from `truth` over all positions, in nats."""
    total = sum(
        float((np.exp(p) * (p - q)).sum(dtype=np.float64))
        for p, q in zip(truth, other, strict=True)
    )
    return total / sum(len(p) for p in truth)


def interval(ours: F64, theirs: F64) -> tuple[float, float]:
    """95 % of the ratios when documents are drawn again."""
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(ours), (RESAMPLES, len(ours)))
    ratios = np.sort(ours[picks].sum(axis=1) / theirs[picks].sum(axis=1))
    return ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES)]


if __name__ == "__main__":
    main()
