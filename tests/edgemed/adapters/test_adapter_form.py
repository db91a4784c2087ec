"""Adapters in llama.cpp's GGUF form: written and read, with what is refused."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.gguf_form import read_adapter, write_adapter
from edgemed.errors import InvalidFile
from tests.edgemed.gguf_files import TensorSpec, write_gguf

LORA: dict[str, tuple[str, Any]] = {
    "general.type": ("string", "adapter"),
    "general.architecture": ("string", "llama"),
    "adapter.type": ("string", "lora"),
    "adapter.lora.alpha": ("float32", 4.0),
}


def numbers(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def floats(*shape: int) -> TensorSpec:
    """Row length first."""
    return "F32", shape, numbers(*shape[::-1]).tobytes()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    pairs = {
        "blk.0.attn_q.weight": Pair(numbers(2, 32), numbers(8, 2), 1.5),
        "blk.0.ffn_up.weight": Pair(numbers(4, 32), numbers(16, 4), 0.5),
    }
    path = tmp_path / "a.gguf"
    write_adapter(path, Adapter("llama", pairs, {"base_sha256": "abc"}))
    found = read_adapter(path)
    assert found.architecture == "llama" and found.about == {"base_sha256": "abc"}
    assert (
        found.pairs["blk.0.attn_q.weight"].b.tobytes() == pairs["blk.0.attn_q.weight"].b.tobytes()
    )
    for name, pair in pairs.items():
        again = found.pairs[name]
        assert again.rank == pair.rank
        assert np.array_equal(again.a, pair.a)
        assert np.allclose(again.b * again.scale, pair.b * pair.scale, rtol=1e-6)


def test_another_reader_finds_the_keys_and_shapes_of_llama_cpp(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    pair = Pair(numbers(2, 32), numbers(8, 2), 1.5)
    write_adapter(path, Adapter("qwen2", {"blk.0.attn_q.weight": pair}))
    reader = gguf.GGUFReader(path)
    assert {k: reader.fields[k].contents() for k in LORA} == {
        "general.type": "adapter",
        "general.architecture": "qwen2",
        "adapter.type": "lora",
        "adapter.lora.alpha": 3.0,
    }
    assert {t.name: t.shape.tolist() for t in reader.tensors} == {
        "blk.0.attn_q.weight.lora_a": [32, 2],
        "blk.0.attn_q.weight.lora_b": [2, 8],
    }


@pytest.mark.parametrize(
    "change, tensors, why",
    [
        ({"general.type": ("string", "model")}, {}, "is not a LoRA adapter"),
        ({"adapter.lora.alpha": ("string", "4")}, {}, "has no adapter.lora.alpha"),
        ({}, {}, "holds no pair"),
        ({}, {"x.weight": floats(32, 2)}, "neither"),
        ({}, {"x.weight.lora_a": floats(32, 2)}, "one half of its pair"),
        (
            {},
            {"x.weight.lora_a": floats(32, 2), "x.weight.lora_b": floats(3, 8)},
            "do not match",
        ),
    ],
)
def test_what_is_no_adapter_is_refused(
    change: dict[str, Any], tensors: dict[str, TensorSpec], why: str, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "a.gguf", LORA | change, tensors)
    with pytest.raises(InvalidFile, match=why):
        read_adapter(path)
