"""Hashes of the inputs: right for any number of files, on few threads."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from edgemed.errors import EdgemedError
from edgemed.merging.plan import fingerprints
from edgemed.merging.plan.fingerprints import MOST, Fingerprints, hashes_of, input_of


@pytest.fixture(params=[0, 1 << 24], ids=["large", "small"])
def shards(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Path]:
    """A hundred files of different sizes, one empty, that count as large or as small."""
    monkeypatch.setattr(fingerprints, "SMALL", request.param)
    paths = [tmp_path / f"{number:03}.safetensors" for number in range(100)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * (number * 777))
    return paths


def right(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_a_hundred_shards_take_few_threads(shards: list[Path]) -> None:
    inputs = [input_of(path) for path in shards]
    hashing = Fingerprints(inputs, lambda: 0.5)
    assert len(hashing._threads) <= MOST + 1
    with hashing:
        assert hashing.hashes() == right(shards)
    assert hashes_of(inputs, lambda: None) == right(shards)


@pytest.mark.parametrize("share", [lambda: 0.0, lambda: 1.0])
def test_the_pace_changes_no_hash(shards: list[Path], share: Callable[[], float]) -> None:
    with Fingerprints([input_of(path) for path in shards], share) as hashing:
        assert hashing.hashes() == right(shards)


def test_a_file_that_is_gone_is_named(shards: list[Path]) -> None:
    inputs = [input_of(path) for path in shards]
    shards[40].unlink()
    with pytest.raises(EdgemedError, match=r"040\.safetensors failed"):
        hashes_of(inputs, lambda: None)
