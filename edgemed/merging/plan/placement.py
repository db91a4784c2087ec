"""Where every tensor of the output goes: one file, or shards of at most a given size.

Offsets run through all files one after the other, so that the rest of a merge sees one long file.
Shards are named and marked as llama.cpp does: NAME-00001-of-00003.gguf, `split.*` keys.
"""

import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgemed.errors import Refused
from edgemed.gguf import Layout, plan_layout
from edgemed.gguf.header import ALIGNMENT_KEY
from edgemed.gguf.shards import COUNT, NUMBER, TENSORS
from edgemed.gguf.values import encode
from edgemed.gguf.writer import TensorSpec
from edgemed.storage.output import journal_of, part_of
from edgemed.storage.place import refuse_inputs, refuse_place

Raw = Mapping[str, bytes]


class OutputShard(NamedTuple):
    """One file, whose byte 0 is byte `start` of the whole output; tensors `first` to `end`."""

    path: Path
    start: int
    layout: Layout
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Placement:
    """All files of the output, and the tensors and metadata that they hold."""

    shards: tuple[OutputShard, ...]
    specs: tuple[TensorSpec, ...]
    metadata: dict[str, bytes]

    @property
    def total_bytes(self) -> int:
        return sum(shard.layout.total_bytes for shard in self.shards)

    @property
    def offsets(self) -> list[int]:
        """The offset of each tensor, counted through all files."""
        return [s.start + offset for s in self.shards for offset in s.layout.offsets]


def place(
    out: Path, metadata: dict[str, bytes], specs: Sequence[TensorSpec], limit: int | None = None
) -> Placement:
    """One file, or as many as needed for none to be larger than `limit` bytes."""
    if limit is None or plan_layout(metadata, specs).total_bytes <= limit:
        return place_shards(out, metadata, specs, [len(specs)])
    return place_shards(out, metadata, specs, shard_ends(metadata, specs, limit))


def place_shards(
    out: Path, metadata: dict[str, bytes], specs: Sequence[TensorSpec], ends: Sequence[int]
) -> Placement:
    """A file for the tensors up to each of `ends`, counted from the first; one alone is `out`."""
    if len(ends) == 1:
        whole = OutputShard(out, 0, plan_layout(metadata, specs), 0, len(specs))
        return Placement((whole,), tuple(specs), metadata)
    shards: list[OutputShard] = []
    start, first = 0, 0
    for number, end in enumerate(ends):
        path = out.with_name(f"{out.stem}-{number + 1:05d}-of-{len(ends):05d}.gguf")
        raw = shard_metadata(metadata, number, len(ends), len(specs))
        shards.append(OutputShard(path, start, plan_layout(raw, specs[first:end]), first, end))
        start, first = start + shards[-1].layout.total_bytes, end
    return Placement(tuple(shards), tuple(specs), metadata)


def shard_ends(metadata: Raw, specs: Sequence[TensorSpec], limit: int) -> list[int]:
    """The number of tensors up to the end of each shard; each holds as many as surely fit."""
    small = {k: v for k, v in metadata.items() if k == ALIGNMENT_KEY}
    heads = [len(plan_layout(shard_metadata(metadata, n, 1, 0), []).header) for n in (0, 1)]
    ends: list[int] = []
    first = 0

    def size(end: int) -> int:
        return heads[bool(ends)] + plan_layout(small, specs[first:end]).total_bytes

    for i in range(1, len(specs) + 1):
        if size(i) > limit and i - 1 > first:
            ends.append(i - 1)
            first = i - 1
        if size(i) > limit:
            raise Refused(
                f"a file with {specs[first][0]} takes more than {limit:,} bytes",
                f"allow at least {size(i):,} bytes per file",
            )
    return [*ends, len(specs)]


def shard_metadata(metadata: Raw, number: int, count: int, tensors: int) -> dict[str, bytes]:
    """The first shard has all keys; the others say which shard they are."""
    keep = metadata if number == 0 else {k: v for k, v in metadata.items() if k == ALIGNMENT_KEY}
    return {
        **keep,
        NUMBER: encode("uint16", number),
        COUNT: encode("uint16", count),
        TENSORS: encode("int32", tensors),
    }


def changes(placement: Placement, changed: Raw) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of other values, of the same length, for some keys of the first header.

    The header of a large vocabulary takes megabytes, so it is not made a second time.
    """
    header = placement.shards[0].layout.header
    for key, value in changed.items():
        entry = struct.pack("<Q", len(key)) + key.encode() + placement.metadata[key]
        found, size = header.find(entry), len(placement.metadata[key])
        assert found >= 0 and len(value) == size
        yield found + len(entry) - size, value


def refuse_output(inputs: Sequence[Path], out: Path, replace: bool) -> None:
    """The output must not be an input or exist already, and its folder must exist."""
    refuse_inputs(out, (out, part_of(out), journal_of(out)), inputs)
    refuse_place(out, replace)


def refuse_small_disk(folder: Path, placement: Placement) -> None:
    """The output's exact size must be free on its disk; what an earlier attempt left counts as
    free."""
    need, parts = placement.total_bytes, [part_of(shard.path) for shard in placement.shards]
    free = shutil.disk_usage(folder).free + sum(p.stat().st_size for p in parts if p.exists())
    if free < need:
        raise Refused(
            f"{folder} has {free:,} bytes free, the output takes {need:,}",
            "free some space or choose an output on another disk",
        )
