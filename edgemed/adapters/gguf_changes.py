"""What an adapter in llama.cpp's GGUF form changes: which tensors, by which thin matrices.

    NAME.lora_a  A[rank, row length]   NAME.lora_b  B[rows, rank]   W' = W + alpha / rank B A

Those of the embedding are transposed: A[rows, rank] and B[row length, rank]. Those of all experts
of a block are stacked: A[experts, rank, row length], B[experts, rows, rank].
Headers only: the numbers are read when the model's rows are.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgemed_native.codecs import CODECS

from edgemed.adapters.change import LowRank, Thin
from edgemed.adapters.opened import OpenedAdapter
from edgemed.errors import InvalidFile
from edgemed.gguf import Model, Tensor, open_model

A, B = ".lora_a", ".lora_b"
ALPHA = "adapter.lora.alpha"
BASE = "edgemed.adapter.base_sha256"
EMBEDDING = "token_embd.weight"
AGAIN = "make the adapter again, with llama.cpp's converter or `edgemed adapt`"


def open_gguf(path: Path) -> OpenedAdapter:
    """The adapter in a GGUF file; InvalidFile for what llama.cpp would refuse as well."""
    model = open_model(path)
    meta = model.metadata
    if meta.get("general.type") != "adapter" or meta.get("adapter.type") != "lora":
        raise InvalidFile(f"{path.name} is not a LoRA adapter", "give a LoRA adapter in GGUF form")
    alpha = meta.get(ALPHA)
    if not isinstance(alpha, float) or not math.isfinite(alpha) or alpha == 0.0:
        raise InvalidFile(f"{path.name} has no {ALPHA}", "make the adapter again with its alpha")
    pairs = {target: tuple(found) for target, found in _pairs(model, path, alpha)}
    if not pairs:
        raise InvalidFile(f"{path.name} holds no pair of matrices", AGAIN)
    return OpenedAdapter(
        name=path.name,
        form="GGUF",
        files=model.paths,
        architecture=meta.text("general.architecture") or "",
        base=meta.text("general.base_model.0.name") or file_of(meta.text(BASE)),
        changes=pairs,
    )


def file_of(sha256: str | None) -> str:
    """The base by its hash, as `edgemed adapt` records it; empty if it is not recorded."""
    return f"the file of sha256 {sha256}" if sha256 else ""


def _pairs(model: Model, path: Path, alpha: float) -> Iterator[tuple[str, Iterator[LowRank]]]:
    tensors = model.tensors
    for name, tensor in tensors.items():
        if not name.endswith((A, B)):
            raise InvalidFile(
                f"{path.name}: {name} is neither a {A} nor a {B} tensor",
                "give the adapter as a PEFT folder: whole tensors are read there",
            )
        target = name[: -len(A)]
        if target + A not in tensors or target + B not in tensors:
            raise InvalidFile(f"{path.name}: {target} has only one half of its pair", AGAIN)
        if name.endswith(A):
            yield target, pairs_of(path, target, tensor, tensors[target + B], alpha)


def pairs_of(path: Path, target: str, a: Tensor, b: Tensor, alpha: float) -> Iterator[LowRank]:
    """The change of a tensor; of a tensor of experts, one for each."""
    for half in (a, b):
        if len(half.shape) not in (2, 3) or CODECS[half.type.name].decoder is None:
            shape = " x ".join(map(str, half.shape))
            what = f"{path.name}: {half.name} is a tensor of {half.type.name} and shape {shape}"
            raise InvalidFile(what, "only pairs of matrices are read, one or one for each expert")
    if a.shape[2:] != b.shape[2:]:
        raise not_matching(path, target, a, b)
    if len(a.shape) == 2:
        yield pair_of(path, target, a, b, alpha)
        return
    for expert in range(a.shape[2]):
        pair = pair_of(path, target, matrix_of(a, expert), matrix_of(b, expert), alpha)
        yield replace(pair, expert=expert)


def matrix_of(tensor: Tensor, expert: int) -> Tensor:
    """One matrix of a stack."""
    nbytes = tensor.nbytes // tensor.shape[2]
    place = (tensor.path, tensor.offset + expert * nbytes, nbytes)
    return Tensor(tensor.name, tensor.shape[:2], tensor.type, *place)


def not_matching(path: Path, target: str, a: Tensor, b: Tensor) -> InvalidFile:
    """The error for two halves that do not fit together."""
    shapes = f"A of shape {a.shape} and B of {b.shape}"
    return InvalidFile(f"{path.name}: {target}: {shapes} do not match", AGAIN)


def pair_of(path: Path, target: str, a: Tensor, b: Tensor, alpha: float) -> LowRank:
    """The change of one matrix, after checking that its two halves fit together."""
    turned = target == EMBEDDING
    rank = a.row_length if turned else a.rows
    if b.row_length != rank:
        raise not_matching(path, target, a, b)
    left, right = (Thin(a), Thin(b, turned=True)) if turned else (Thin(b), Thin(a))
    return LowRank(left, right, alpha / rank)
