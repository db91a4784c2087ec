"""The tensors of a checkpoint as GGUF has them: names, shapes, rows in llama.cpp's order.

    model.layers.3.self_attn.q_proj.weight          blk.3.attn_q.weight, rows in another order
    model.layers.3.mlp.experts.0.up_proj.weight     part of blk.3.ffn_up_exps.weight
    model.layers.3.mlp.experts.gate_up_proj         half of two such tensors, all experts at once

Only the tables are read: a tensor made of several says where its rows are.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from edgemed_native.ggml_types import BY_NAME

from edgemed.checkpoints.architectures import Architecture
from edgemed.checkpoints.folder import WHOLE, Tables
from edgemed.checkpoints.places import Order, expert_of, of_all, place_of
from edgemed.checkpoints.safetensors import shown, tensor_of
from edgemed.errors import InvalidFile
from edgemed.gguf import Gathered, Metadata, Run, Tensor

EMBEDDING, HEAD = "token_embd.weight", "output.weight"

ENDING = re.compile(r"(?P<module>.+)\.(?P<ending>weight|bias)")
TOGETHER = re.compile(r"(?P<before>.+\.experts)\.(?P<part>gate_up_proj|down_proj)(\.weight)?")
"""All experts of a block in one tensor, of three dimensions."""
HALVES = {"gate_up_proj": ("gate_proj", "up_proj"), "down_proj": ("down_proj",)}
UNUSED = (".rotary_emb.inv_freq", ".attention.masked_bias", ".attention.bias")
"""Tensors of old checkpoints that hold no weights."""


class StoredRows(NamedTuple):
    """A matrix or vector: rows of a tensor in a file, and the number of its expert."""

    number: int
    source: Tensor
    first: int
    rows: int

    @property
    def run(self) -> Run:
        """Where its rows are."""
        offset = self.source.offset + self.first * self.source.row_bytes
        return Run(self.source.path, offset, self.rows)


class StoredTensor(NamedTuple):
    """All slices of a tensor of GGUF, and how its place changes them."""

    order: Order | None
    plus: float
    slices: list[StoredRows]


def tensors_of(
    tables: Tables, row: Architecture, metadata: Metadata, tied: bool
) -> dict[str, Tensor]:
    """Every tensor by its name in GGUF; InvalidFile for one that is unknown or does not fit."""
    found: dict[str, StoredTensor] = {}
    for source in sources(tables, row):
        for module, ending, piece in slices_of(source):
            place = place_of(module, metadata)
            if place is None:
                raise InvalidFile(
                    f"{source.path}: edgemed does not know the purpose of {shown(source.name)} in "
                    f"a {row.gguf} model",
                    "a newer edgemed may know it; or leave the tensor out of the checkpoint",
                )
            name = f"{place.stem}.{ending}"
            one = found.setdefault(name, StoredTensor(place.order, place.plus, []))
            one.slices.append(piece)
    tie(found, tied)
    experts = metadata.get(f"{row.gguf}.expert_count", 0)
    return {name: put_together(name, one, experts) for name, one in found.items()}


def sources(tables: Tables, row: Architecture) -> Iterator[Tensor]:
    """The tensors of all files that belong to the language model, as the files have them."""
    for path, table in tables.items():
        for name, stored in sorted(table.items(), key=lambda item: item[1].offset):
            other = name.removeprefix("model.").startswith(row.leaves_out or "\0")
            if not other and not name.endswith(UNUSED):
                yield tensor_of(path, name, stored)


def left_out(tables: Tables, row: Architecture) -> int:
    """How many tensors belong to other parts, such as vision."""
    names = (name.removeprefix("model.") for table in tables.values() for name in table)
    return sum(name.startswith(row.leaves_out or "\0") for name in names)


def slices_of(source: Tensor) -> Iterator[tuple[str, str, StoredRows]]:
    """(module, ending, piece) of what a tensor of a file holds: one matrix, or those of experts."""
    expert = expert_of(source.name.removesuffix(".weight"))
    together = TOGETHER.fullmatch(source.name)
    if expert is not None and source.name.endswith(".weight"):
        yield expert[0], "weight", StoredRows(expert[1], source, 0, source.rows)
    elif together is not None and len(source.shape) == 3:
        yield from split(source, together["before"], HALVES[together["part"]])
    else:
        ending = ENDING.fullmatch(source.name)
        module, word = (ending["module"], ending["ending"]) if ending else (source.name, "weight")
        yield module, word, StoredRows(0, source, 0, source.rows)


def split(
    source: Tensor, before: str, halves: tuple[str, ...]
) -> Iterator[tuple[str, str, StoredRows]]:
    """The experts of one tensor: the rows of each hold one matrix, or two one after the other."""
    each, experts = source.shape[1], source.shape[2]
    rows = each // len(halves)
    if rows * len(halves) != each:
        raise InvalidFile(f"{source.path}: {shown(source.name)} has {each} rows per matrix", WHOLE)
    for at, word in enumerate(halves):
        for number in range(experts):
            yield (
                of_all(before, word),
                "weight",
                StoredRows(number, source, number * each + at * rows, rows),
            )


def tie(found: dict[str, StoredTensor], tied: bool) -> None:
    """A head that is the embedding may be stored under either name, or both."""
    if tied and EMBEDDING not in found and HEAD in found:
        found[EMBEDDING] = found[HEAD]
    if tied:
        found.pop(HEAD, None)
    elif HEAD not in found and EMBEDDING in found:
        path = found[EMBEDDING].slices[0].source.path
        raise InvalidFile(
            f"{path.parent} has no lm_head.weight, and config.json does not say that the "
            "embedding is the head",
            WHOLE,
        )


def put_together(name: str, found: StoredTensor, experts: int) -> Tensor:
    """One tensor of GGUF; InvalidFile if its slices do not fit together."""
    slices = sorted(found.slices)
    first, source = slices[0], slices[0].source
    stacked = "_exps." in name
    numbers = [piece.number for piece in slices]
    if numbers != list(range(experts if stacked else 1)):
        what = f"{len(slices)} experts of {experts}" if stacked else f"{len(slices)} tensors"
        raise InvalidFile(f"{source.path.parent}: {name} is made of {what}", WHOLE)
    kinds = {(piece.source.type.name, piece.source.row_length, piece.rows) for piece in slices}
    if len(kinds) > 1:
        raise InvalidFile(f"{source.path.parent}: the experts of {name} differ in shape", WHOLE)
    shape = source.shape
    if stacked:
        shape = (source.row_length, first.rows, experts)
    if found.order is not None and len(found.order) != (source.rows if shape[1:] else shape[0]):
        raise InvalidFile(
            f"{source.path}: {shown(source.name)} has {source.rows:,} rows, its heads have "
            f"{len(found.order):,}",
            WHOLE,
        )
    runs = tuple(piece.run for piece in slices)
    nbytes = sum(piece.rows * piece.source.row_bytes for piece in slices)
    gathered = Gathered(runs, found.order, found.plus)
    return Tensor(name, shape, source.type, runs[0].path, runs[0].offset, nbytes, gathered=gathered)


def of_numbers(name: str, numbers: list[float], path: Path) -> Tensor:
    """A small tensor of float32 whose numbers come from config.json at `path`."""
    import numpy as np

    values = np.array(numbers, "<f4").tobytes()
    gathered = Gathered(values=values)
    return Tensor(name, (len(numbers),), BY_NAME["F32"], path, 0, len(values), gathered=gathered)


def in_order(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The embedding first, block by block, then the rest; in a block as the files have them."""
    blocks = {name: int(found[1]) for name in tensors if (found := re.match(r"blk\.(\d+)\.", name))}

    def key(name: str) -> tuple[int, int]:
        last = name in (HEAD, "output_norm.weight")
        return (2 if last else 1 if name in blocks else 0, blocks.get(name, 0))

    return {name: tensors[name] for name in sorted(tensors, key=key)}
