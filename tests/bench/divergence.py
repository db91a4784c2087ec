"""How far quantized models stray from their F16 originals: edgemed quantize beside llama-quantize.

    python -m tests.bench.divergence
    python -m tests.bench.divergence --types IQ4_NL Q3_K_S --documents 192 --forms 24
    python -m tests.bench.divergence --imatrix

Real models (the embedded scale models, decoded to F16, and stories260K where the test data is) are
quantized twice from the same F16 file, and llama.cpp runs all three over the same documents: items
of the scale models' own generators, and stories that stories260K itself draws at temperature 1.
Each model comes in several forms that compute the same with other rows of weights (see
equivalent), because which way a weight is rounded is luck, and the luck of one file is shared by
all documents; no two models share a form but their own. Documents are dealt out to the forms. With
--imatrix both quantizers are given the same importance matrix, gathered over other documents.

The divergence is the mean Kullback-Leibler divergence, in nats per token, of the F16 model's next
token from the quantized one's. Its ratio, ours over llama-quantize's, is the geometric mean over
models; the 95 % interval draws forms and their documents again (2,000 times, the same for both).
"""

import argparse
import ctypes
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import llama_cpp
import numpy as np
from edgemed_models import scale
from edgemed_models.scale.examination import AXES, questions
from edgemed_models.scale.items import ASSISTANT, END, USER
from numpy.typing import NDArray

from edgemed import quantize
from edgemed.gguf import open_model
from edgemed.quantizing.file_types import FILE_TYPES
from edgemed.quantizing.imatrix import Importances, read_imatrices
from tests.bench.activations import Llama, write_matrix
from tests.bench.equivalent import write_form

DATA = Path(os.environ.get("EDGEMED_DATA", Path(__file__).parents[3] / "shared" / "data"))
STORIES = DATA / "models" / "stories260k" / "stories260K.gguf"
SCALE = ("base", "clinical", "instruct")

TYPES = (
    "Q6_K Q5_K_M Q5_K_S Q5_1 Q5_0 Q4_K_M Q4_K_S Q4_1 Q4_0 IQ4_NL IQ4_XS Q3_K_M Q3_K_S Q2_K"
).split()
LONGEST = 256  # tokens of a document that are scored
MEASURED = 48  # documents of an importance matrix
RESAMPLES = 2000

SILENCE = llama_cpp.llama_log_callback(lambda level, text, data: None)

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Documents = list[list[int]]


class Divergences(NamedTuple):
    """Sums over the positions of each document, f64[forms, documents], and their numbers."""

    ours: F64
    theirs: F64
    positions: F64


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--types", nargs="*", default=TYPES, choices=FILE_TYPES)
    parser.add_argument("--documents", type=int, default=96, help="for each model")
    parser.add_argument("--forms", type=int, default=12, help="of each model")
    parser.add_argument("--models", nargs="*", default=[*SCALE, "stories"])
    parser.add_argument("--imatrix", action="store_true", help="quantize under importances")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    llama_cpp.llama_log_set(SILENCE, None)
    print(
        f"{date.today()}, {args.documents} documents of up to {LONGEST} tokens for each model, "
        f"in {args.forms} forms"
    )
    with tempfile.TemporaryDirectory() as folder:
        found = {
            name: dict(divergences(name, args, Path(folder)))
            for name in args.models
            if name != "stories" or STORIES.is_file()
        }
    for name, of_types in found.items():
        count = next(iter(of_types.values())).positions.sum()
        print(f"{name}: {count:,.0f} positions")
    print(f"{'type':8}" + "".join(f"{name:>17}" for name in found) + "   ratio (95 % interval)")
    for kind in args.types:
        print(line(kind, found))


def divergences(
    name: str, args: argparse.Namespace, folder: Path
) -> Iterator[tuple[str, Divergences]]:
    """Every type that the model's rows are long enough for."""
    original = folder / f"{name}.gguf"
    write_form(source_of(name), original, 0)
    with model(original, args.threads) as llama:
        documents = documents_for(name, llama, args.documents // args.forms * args.forms, 1)
        measured = documents_for(name, llama, MEASURED, 2) if args.imatrix else []
    found: dict[str, list[Divergences]] = {}
    for form in range(args.forms):
        write_form(source_of(name), original, form and form + zlib.crc32(name.encode()))
        for kind, d in of_one_form(original, documents[form :: args.forms], measured, args):
            found.setdefault(kind, []).append(d)
        print(f"{name}: form {form + 1} of {args.forms}", file=sys.stderr, flush=True)
    for kind, forms in found.items():
        yield kind, Divergences(*(np.stack(rows) for rows in zip(*forms, strict=True)))


def of_one_form(
    original: Path, documents: Documents, measured: Documents, args: argparse.Namespace
) -> Iterator[tuple[str, Divergences]]:
    """Every type with the divergences of both files made of `original`.

    `measured` are the documents that an importance matrix is gathered over.
    """
    ours, theirs = (original.with_name(f"{n}.gguf") for n in ("ours", "theirs"))
    with model(original, args.threads) as llama:
        truth = [log_probabilities(llama, document) for document in documents]
    positions = np.array([len(rows) for rows in truth], np.float64)
    matrix = gathered(original, measured) if args.imatrix else None
    importances = read_imatrices([matrix]) if matrix else None
    for kind in args.types:
        quantize(original, ours, kind, imatrix=[matrix] if matrix else [], threads=1, replace=True)
        llama_quantize(original, theirs, FILE_TYPES[kind].number, importances)
        if types_in(ours) != types_in(theirs):
            sys.exit(f"{original.stem}: {kind} means other types to llama.cpp")
        if FILE_TYPES[kind].usual in types_in(ours).values():
            both = [divergence(path, documents, truth, args.threads) for path in (ours, theirs)]
            yield kind, Divergences(*both, positions)


def source_of(name: str) -> Path:
    return STORIES if name == "stories" else Path(scale.__path__[0]) / f"{name}.gguf"


def gathered(path: Path, documents: Documents) -> Path:
    """The importance matrix of a model over documents."""
    llama, out = Llama(path), path.with_name("matrix.gguf")
    for document in documents:
        llama.logits(document)
    write_matrix(out, llama.sums, llama.rows)
    return out


def llama_quantize(source: Path, out: Path, number: int, importances: Importances | None) -> None:
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype, options.nthread = number, 1
    if importances is not None:
        entry, known = llama_cpp.llama_model_imatrix_data, importances.tensors
        floats = ctypes.POINTER(ctypes.c_float)
        rows = [entry(n.encode(), a.ctypes.data_as(floats), a.size) for n, a in known.items()]
        options.imatrix = (entry * (len(rows) + 1))(*rows)  # the last one, empty, ends the list
    code = llama_cpp.llama_model_quantize(
        str(source).encode(), str(out).encode(), ctypes.byref(options)
    )
    if code:
        sys.exit(f"llama_model_quantize returned {code}")


def types_in(path: Path) -> dict[str, str]:
    return {name: tensor.type.name for name, tensor in open_model(path).tensors.items()}


@contextmanager
def model(path: Path, threads: int) -> Iterator[Any]:
    options = {"n_ctx": LONGEST, "n_batch": LONGEST, "n_threads": threads, "logits_all": True}
    llama = llama_cpp.Llama(str(path), n_threads_batch=threads, verbose=False, **options)
    try:
        yield llama
    finally:
        llama.close()


def documents_for(name: str, llama: Any, count: int, seed: int) -> Documents:
    """Token ids, each of at most LONGEST; stories are drawn from the model itself."""
    if name == "stories":
        rng = np.random.default_rng(seed)
        return [story(llama, rng) for _ in range(count)]
    items = [q.item for axis in AXES for q in questions(axis, -(-count // len(AXES)), seed)]
    texts = [f"{USER}{item.prompt}{END}{ASSISTANT}{item.answer}{END}" for item in items]
    return [llama.tokenize(text.encode(), special=True)[:LONGEST] for text in texts[:count]]


def story(llama: Any, rng: np.random.Generator) -> list[int]:
    """LONGEST tokens, each drawn from what the model expects."""
    ids = [llama.token_bos()]
    llama.reset()
    while len(ids) < LONGEST:
        llama.eval(ids[-1:])
        chances = np.exp(log_softmax(llama.scores[len(ids) - 1 : len(ids)]))[0]
        ids.append(int(rng.choice(len(chances), p=chances / chances.sum())))
    return ids


def log_probabilities(llama: Any, document: list[int]) -> F32:
    """f32[tokens, vocabulary]: what is expected after each token."""
    llama.reset()
    llama.eval(document)
    return log_softmax(llama.scores[: len(document)]).astype(np.float32)


def log_softmax(logits: NDArray[np.single]) -> F64:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def divergence(path: Path, documents: Documents, truth: list[F32], threads: int) -> F64:
    """Sum over the positions of each document."""
    sums = []
    with model(path, threads) as llama:
        for document, expected in zip(documents, truth, strict=True):
            wide = expected.astype(np.float64)
            off = wide - log_probabilities(llama, document)
            sums.append((np.exp(wide) * off).sum())
    return np.array(sums)


Picks = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Forms, and for each of them documents: indices that pick from f64[forms, documents]."""


def ratio(found: Sequence[Divergences], picks: Sequence[Picks]) -> float:
    """Geometric mean over models of our mean divergence over theirs, on the picked documents."""
    logs = [np.log(d.ours[p].sum() / d.theirs[p].sum()) for d, p in zip(found, picks, strict=True)]
    return float(np.exp(np.mean(logs)))


def all_of(d: Divergences) -> Picks:
    forms, documents = (np.arange(n) for n in d.ours.shape)
    return forms[:, None], documents[None]


def drawn(d: Divergences, rng: np.random.Generator) -> Picks:
    """As many forms, with repetitions, and for each as many of its documents."""
    forms, documents = d.ours.shape
    return rng.integers(0, forms, (forms, 1)), rng.integers(0, documents, d.ours.shape)


def interval(found: Sequence[Divergences]) -> tuple[float, float]:
    """95 % of the ratios when forms and documents are drawn again."""
    rng = np.random.default_rng(0)
    ratios = sorted(ratio(found, [drawn(d, rng) for d in found]) for _ in range(RESAMPLES))
    return ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES)]


def line(kind: str, found: Mapping[str, dict[str, Divergences]]) -> str:
    """Ours and theirs for each model, then the ratio of all."""
    parts = []
    for of_types in found.values():
        d = of_types.get(kind)
        both = "" if d is None else f"{mean(d.ours, d):.5f}/{mean(d.theirs, d):.5f}"
        parts.append(f"{both:>17}")
    known = [of_types[kind] for of_types in found.values() if kind in of_types]
    if not known:
        return f"{kind:8}{''.join(parts)}"
    low, high = interval(known)
    middle = ratio(known, [all_of(d) for d in known])
    return f"{kind:8}{''.join(parts)}   {middle:.3f} ({low:.3f} to {high:.3f})"


def mean(sums: F64, d: Divergences) -> float:
    return float(sums.sum() / d.positions.sum())


if __name__ == "__main__":
    main()
