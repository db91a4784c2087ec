"""A head that is a copy of the embedding, beside a model whose head is the embedding."""

from pathlib import Path

import numpy as np
import pytest

import edgemed
from edgemed.adapters.gguf_form import read_adapter
from edgemed.cli.main import main
from tests.edgemed.merge_pairs import read_tensors, weights, write_pair_member

EMBEDDING, HEAD = "token_embd.weight", "output.weight"


@pytest.fixture
def tied(tmp_path: Path) -> Path:
    return write_pair_member(tmp_path / "tied.gguf", weights(2), "Q8_0")


def with_head(path: Path, factor: float, kind: str = "Q8_0") -> Path:
    """A model with a head of its own: the embedding times `factor`."""
    tensors = weights(1)
    tensors[HEAD] = tensors[EMBEDDING] * np.float32(factor)
    return write_pair_member(path, tensors, kind)


@pytest.mark.parametrize("first", [True, False])
def test_a_copy_is_left_out_and_that_is_said(tied, tmp_path, capsys, first) -> None:
    own = with_head(tmp_path / "own.gguf", 1.0)
    pair = [str(own), str(tied)] if first else [str(tied), str(own)]
    out = tmp_path / "out.gguf"
    assert main(["check", *pair]) == 0
    assert "own.gguf: its head is a copy of its embedding" in capsys.readouterr().out
    assert main(["merge", *pair, "--t", "0.5", "-o", str(out), "--threads", "1"]) == 0
    assert "own.gguf: its head is a copy of its embedding" in capsys.readouterr().err
    plain = write_pair_member(tmp_path / "plain.gguf", weights(1), "Q8_0")
    same = [str(plain), str(tied)] if first else [str(tied), str(plain)]
    edgemed.merge(*same, t=0.5, out=tmp_path / "same.gguf", threads=1)
    found, wanted = read_tensors(out), read_tensors(tmp_path / "same.gguf")
    assert HEAD not in found and found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    assert main(["verify", str(out), "--threads", "1"]) == 0


def test_a_head_of_its_own_is_refused_and_a_last_byte_makes_one(tied, tmp_path, capsys) -> None:
    own = with_head(tmp_path / "own.gguf", 1.0)
    data = bytearray(own.read_bytes())
    data[-1] ^= 1
    changed = tmp_path / "changed.gguf"
    changed.write_bytes(data)
    for other in (with_head(tmp_path / "other.gguf", 1.01), changed):
        out = tmp_path / "no.gguf"
        assert main(["merge", str(other), str(tied), "--t", "0.5", "-o", str(out)]) == 3
        assert "has a head of its own" in capsys.readouterr().err and not out.exists()


def test_copies_in_all_models_stay(tmp_path) -> None:
    pair = [with_head(tmp_path / f"{name}.gguf", 1.0) for name in "ab"]
    edgemed.merge(*pair, t=0.5, out=tmp_path / "out.gguf", threads=1)
    assert HEAD in read_tensors(tmp_path / "out.gguf")


def test_what_is_extracted_changes_the_head_too(tmp_path) -> None:
    tuned = write_pair_member(tmp_path / "tuned.gguf", weights(2), "F32")
    base, out = with_head(tmp_path / "base.gguf", 1.0, "F32"), tmp_path / "lora.gguf"
    words = ["extract", str(tuned), str(base), "--rank", "1", "--without-vectors", "-o", str(out)]
    assert main([*words, "--threads", "1"]) == 0
    assert {EMBEDDING, HEAD} <= read_adapter(out).pairs.keys()
