"""Which files make up a model that is split into shards, and whether the set is complete.

llama.cpp names them NAME-00001-of-00003.gguf and stores in each its number (`split.no`, from 0),
the number of shards (`split.count`) and of tensors in all of them (`split.tensors.count`).
"""

import re
from collections.abc import Sequence
from pathlib import Path

from edgemed.gguf.flaw import DAMAGED, MALFORMED, Flaw
from edgemed.gguf.metadata import Metadata
from edgemed.printable import printable

NUMBER, COUNT, TENSORS = "split.no", "split.count", "split.tensors.count"
SPLIT_KEYS = (NUMBER, COUNT, TENSORS)

NAME = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)

ONE_SET = "put all shards of one download into one folder, under their original names"


def shard_paths(path: Path, metadata: Metadata) -> tuple[Path, ...]:
    """All files of the model that `path` belongs to, in order; InvalidFile if some are missing."""
    count = split_number(path, metadata, COUNT, default=1)
    match = NAME.fullmatch(path.name)
    named = int(match["count"]) if match else 1
    if count <= 1 and named <= 1:
        return (path,)
    if match is None or named != count:
        problem = f"{COUNT} says {count}, but its name says {named}"
        raise Flaw(problem, ONE_SET).of(path)
    names = [f"{match['stem']}-{n:05d}-of-{count:05d}.gguf" for n in range(1, count + 1)]
    if path.name not in names:
        problem = f"its name says shard {int(match['number'])} of {count}: there is no such shard"
        raise Flaw(problem, ONE_SET).of(path)
    paths = tuple(path.with_name(name) for name in names)
    _refuse_missing(path, [p for p in paths if not p.is_file()])
    return paths


def _refuse_missing(path: Path, missing: Sequence[Path]) -> None:
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Flaw(
            f"missing from its folder: the shard {printable(missing[0].name)}{more}",
            f"download what is missing; {ONE_SET}",
        ).of(path)


def check_set(shards: Sequence[tuple[Path, Metadata, int]]) -> None:
    """Check that the numbers in each shard (path, metadata, tensor count) match its position."""
    total = sum(tensors for _, _, tensors in shards)
    for place, (path, metadata, _) in enumerate(shards):
        _expect(path, metadata, NUMBER, place)
        _expect(path, metadata, COUNT, len(shards))
        if TENSORS in metadata:
            _expect(path, metadata, TENSORS, total)


def _expect(path: Path, metadata: Metadata, key: str, value: int) -> None:
    found = split_number(path, metadata, key, default=None)
    if found != value:
        raise Flaw(
            f"{key} is {found}, but must be {value} in this set of shards",
            f"the shards do not belong together, or one is damaged; {ONE_SET}",
        ).of(path)


def split_number(path: Path, metadata: Metadata, key: str, default: int | None) -> int:
    """A `split.*` number; `default` if missing, InvalidFile if it is not a whole number."""
    if key not in metadata:
        if default is None:
            raise Flaw(f"it is a shard without {key}", DAMAGED).of(path)
        return default
    kind = metadata.type_of(key)
    if "int" not in kind or kind.endswith("[]"):
        raise Flaw(f"{key} is {kind}, not a whole number", MALFORMED).of(path)
    number: int = metadata[key]
    return number
