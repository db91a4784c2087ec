"""Checks that the headers of a finished output are those that llama.cpp opened before the work.

llama.cpp decides by headers and sizes alone, and takes most of a second for a large vocabulary. If
it opened the files before their tensors were written, and only hashes of inputs have changed in
their headers since, the result would be the same.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from edgemed.errors import EdgemedError
from edgemed.merging.plan.placement import Placement, changes
from edgemed.storage.output import part_of


def refuse_other_headers(placement: Placement, signature: Mapping[str, bytes]) -> None:
    """EdgemedError if an unfinished file has another size or header than was planned.

    `signature`: the values that were written over the planned ones of the same keys.
    """
    for part, size, header in expected(placement, signature):
        with part.open("rb") as file:
            same = file.read(len(header)) == header and part.stat().st_size == size
        if not same:
            raise EdgemedError(
                f"{part.name} is not what was written",
                "another program changed it, or its disk is failing: write it to another disk",
            )


def expected(
    placement: Placement, signature: Mapping[str, bytes]
) -> Iterator[tuple[Path, int, bytes]]:
    """Of every file of the output: its unfinished path, its bytes, its signed header."""
    for number, shard in enumerate(placement.shards):
        header = bytearray(shard.layout.header)
        for offset, value in changes(placement, signature) if number == 0 else ():
            header[offset : offset + len(value)] = value
        yield part_of(shard.path), shard.layout.total_bytes, bytes(header)
