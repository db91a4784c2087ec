"""Split models: any shard opens the whole set, and a set that is not whole is refused."""

from pathlib import Path
from typing import Any

import pytest

from edgemed.errors import InvalidFile
from edgemed.gguf import SPLIT_KEYS, edit_metadata, open_model
from tests.edgemed.gguf_files import METADATA, TENSORS, TensorSpec, write_gguf

COUNT = 3


def shard_name(number: int, count: int = COUNT) -> str:
    return f"model-{number:05d}-of-{count:05d}.gguf"


def write_shard(
    folder: Path,
    number: int,
    tensors: dict[str, TensorSpec],
    name: str | None = None,
    **split: tuple[str, Any] | None,
) -> Path:
    """Shard `number` (from 1); `split` replaces its keys no, count and total, or drops them."""
    keys: dict[str, tuple[str, Any] | None] = {
        "no": ("uint16", number - 1),
        "count": ("uint16", COUNT),
        "total": ("int32", len(TENSORS)),
    } | split
    named = zip(SPLIT_KEYS, (keys["no"], keys["count"], keys["total"]), strict=True)
    metadata = dict(METADATA if number == 1 else {})
    metadata |= {key: pair for key, pair in named if pair is not None}
    return write_gguf(folder / (name or shard_name(number)), metadata, tensors)


PARTS: list[dict[str, TensorSpec]] = [
    {},
    {name: TENSORS[name] for name in list(TENSORS)[:1]},
    {name: TENSORS[name] for name in list(TENSORS)[1:]},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole set of three; the first holds metadata alone, as llama-gguf-split can write it."""
    for number, part in enumerate(PARTS, start=1):
        write_shard(tmp_path, number, part)
    return tmp_path


@pytest.mark.parametrize("number", [1, 2, 3])
def test_any_shard_opens_the_whole_model(folder: Path, number: int) -> None:
    model = open_model(folder / shard_name(number))
    assert model.paths == tuple(folder / shard_name(n) for n in (1, 2, 3))
    assert list(model.tensors) == list(TENSORS)
    assert model.metadata["general.name"] == "A small model"
    for name, tensor in model.tensors.items():
        raw = tensor.path.read_bytes()[tensor.offset : tensor.offset + tensor.nbytes]
        assert raw == TENSORS[name][2]


def test_split_keys_can_be_dropped_from_a_copy(folder: Path) -> None:
    metadata = open_model(folder / shard_name(1)).metadata
    assert list(edit_metadata(metadata, drop=SPLIT_KEYS)) == list(METADATA)


def test_a_set_of_one_shard_is_a_model(tmp_path: Path) -> None:
    one = write_shard(tmp_path, 1, TENSORS, name=shard_name(1, 1), count=("uint16", 1))
    assert open_model(one).paths == (one,)
    plain = write_gguf(tmp_path / "plain.gguf", METADATA, TENSORS)
    assert open_model(plain).paths == (plain,)


def refusal(path: Path) -> InvalidFile:
    with pytest.raises(InvalidFile) as caught:
        open_model(path)
    assert caught.value.hint
    return caught.value


def test_missing_shards_are_named(folder: Path) -> None:
    (folder / shard_name(2)).unlink()
    message = refusal(folder / shard_name(1)).message
    assert f"missing from its folder: the shard {shard_name(2)}" in message
    (folder / shard_name(1)).unlink()
    message = refusal(folder / shard_name(3)).message
    assert f"{shard_name(1)} and 1 more" in message


def test_a_shard_under_another_name_is_refused(folder: Path) -> None:
    renamed = (folder / shard_name(2)).rename(folder / "part.gguf")
    assert "split.count says 3, but its name says 1" in refusal(renamed).message


def test_a_name_that_counts_other_shards_is_refused(folder: Path) -> None:
    renamed = (folder / shard_name(2)).rename(folder / shard_name(2, count=4))
    assert "split.count says 3, but its name says 4" in refusal(renamed).message


def test_a_shard_by_name_alone_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / shard_name(1), METADATA, TENSORS)
    assert "split.count says 1, but its name says 3" in refusal(path).message


def test_a_name_with_number_zero_or_beyond_the_count_is_refused(folder: Path) -> None:
    for number in (0, 4):
        stray = write_shard(folder, 2, {}, name=shard_name(number))
        assert f"its name says shard {number} of 3" in refusal(stray).message


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        ({"no": ("uint16", 0)}, "split.no is 0, but must be 1 in this set of shards"),
        ({"no": None}, "without split.no"),
        ({"count": ("uint16", 4)}, "split.count is 4"),
        ({"count": None}, "without split.count"),
        ({"total": ("int32", 5)}, "split.tensors.count is 5, but must be 4 in this set of shards"),
        ({"no": ("string", "1")}, "split.no is string, not a whole number"),
        ({"count": ("float32", 3.0)}, "split.count is float32, not a whole number"),
        ({"count": ("uint16[]", [3])}, "split.count is uint16[], not a whole number"),
    ],
)
def test_a_shard_that_says_something_else_is_refused(
    folder: Path, split: dict[str, Any], reason: str
) -> None:
    write_shard(folder, 2, PARTS[1], **split)
    error = refusal(folder / shard_name(1))
    assert reason in error.message and shard_name(2) in error.message


def test_a_set_whose_tensors_are_not_all_there_is_refused(folder: Path) -> None:
    write_shard(folder, 3, {})
    assert "must be 1" in refusal(folder / shard_name(1)).message


def test_a_tensor_in_two_shards_is_refused(folder: Path) -> None:
    first = next(iter(TENSORS))
    for number, part in enumerate(PARTS, start=1):
        again = part | ({first: TENSORS[first]} if number == 3 else {})
        write_shard(folder, number, again, total=("int32", len(TENSORS) + 1))
    error = refusal(folder / shard_name(1))
    assert f"'{first}' is also in {shard_name(2)}" in error.message
    assert shard_name(3) in error.message


def test_a_broken_shard_is_refused_under_its_own_name(folder: Path) -> None:
    broken = folder / shard_name(3)
    broken.write_bytes(broken.read_bytes()[:-40])
    assert shard_name(3) in refusal(folder / shard_name(1)).message
