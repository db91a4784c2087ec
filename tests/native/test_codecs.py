"""The table and the checked way in: what is refused, what is compiled, what is imported."""

import os
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
from edgemed_native.codecs import CODECS, decode_rows, encode_rows
from edgemed_native.ggml_types import BY_ID, BY_NAME, REMOVED, TYPES
from numba import config

COPY_ONLY = ["I8", "I16", "I32", "I64", "F64"]


def rows(name: str, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Packed zeros and room for their weights."""
    type_ = CODECS[name].type
    return np.zeros((count, type_.nbytes), np.uint8), np.ones((count, type_.block), np.float32)


def test_the_table_has_every_type_of_gguf_py_at_its_size() -> None:
    for kind, (block, nbytes) in gguf.GGML_QUANT_SIZES.items():
        ours = BY_NAME[kind.name]
        if ours.name == "Q8_1":  # gguf-py counts its scale and sum as float32; ggml stores halves
            nbytes = 36
        assert (ours.id, ours.block, ours.nbytes) == (kind, block, nbytes)


def test_no_id_is_used_twice_or_both_used_and_removed() -> None:
    assert len(BY_ID) == len(BY_NAME) == len(TYPES) == len(CODECS)
    assert not BY_ID.keys() & REMOVED.keys()


def test_every_type_decodes_or_is_copy_only() -> None:
    assert [name for name, codec in CODECS.items() if codec.decode is None] == sorted(
        COPY_ONLY, key=lambda name: BY_NAME[name].id
    )


@pytest.mark.parametrize("name", COPY_ONLY)
def test_copy_only_types_are_refused_both_ways(name: str) -> None:
    packed, weights = rows(name)
    with pytest.raises(ValueError, match=f"{name} has no decoder"):
        decode_rows(name, packed, weights)
    with pytest.raises(ValueError, match=f"{name} has no encoder"):
        encode_rows(name, weights, packed)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="Q4_9 is not a ggml type"):
        decode_rows("Q4_9", *rows("Q4_0"))


def test_rows_that_do_not_fill_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 256, not 255"):
        decode_rows("Q4_K", np.zeros((1, 144), np.uint8), np.zeros((1, 255), np.float32))


@pytest.mark.parametrize(
    "src, dst",
    [
        (np.zeros((2, 35), np.uint8), np.zeros((2, 32), np.float32)),
        (np.zeros((1, 34), np.uint8), np.zeros((2, 32), np.float32)),
        (np.zeros((2, 34), np.int8), np.zeros((2, 32), np.float32)),
        (np.zeros((2, 34), np.uint8), np.zeros((2, 32), np.float64)),
        (np.zeros(34, np.uint8), np.zeros(32, np.float32)),
        (np.zeros((2, 68), np.uint8)[:, ::2], np.zeros((2, 32), np.float32)),
        (np.zeros((2, 34), np.uint8), np.zeros((2, 64), np.float32)[:, :32]),
        (np.zeros((2, 34), np.uint8), np.zeros(257, np.uint8)[1:].view(np.float32).reshape(2, 32)),
    ],
    ids=["bytes", "rows", "i8", "f64", "1-d", "strided", "strided out", "unaligned"],
)
def test_arrays_that_do_not_fit_are_refused_before_the_kernel(
    src: np.ndarray, dst: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"Q8_0|weights"):
        decode_rows("Q8_0", src, dst)


def test_a_read_only_destination_is_refused() -> None:
    packed, weights = rows("Q8_0")
    weights.flags.writeable = packed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        decode_rows("Q8_0", packed, weights)
    with pytest.raises(ValueError, match="read-only"):
        encode_rows("Q8_0", weights, packed)


def test_no_rows_are_no_work() -> None:
    decode_rows("Q8_0", np.zeros((0, 34), np.uint8), np.zeros((0, 32), np.float32))
    decode_rows("Q8_0", np.zeros((3, 0), np.uint8), np.zeros((3, 0), np.float32))


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
def test_read_only_and_writable_sources_share_one_compilation() -> None:
    packed, weights = rows("Q8_0")
    decode_rows("Q8_0", packed, weights)
    packed.flags.writeable = False
    decode_rows("Q8_0", packed, weights)
    assert len(CODECS["Q8_0"].decode.signatures) == 1
    assert weights.flags.writeable


WARM_UP = """
import sys
from edgemed_native.codecs import CODECS, warm_up
assert "numba" not in sys.modules
warm_up(["F32", "Q8_0"], ["Q8_0"], lambda name: print("compiling", name))
print(*(name for name in sys.modules if name.startswith("edgemed_native.") and "coders." in name))
"""


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
def test_warm_up_announces_each_compilation_once_and_loads_no_other_kernels(tmp_path: Path) -> None:
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", WARM_UP], env=env, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for _ in range(2)
    )
    assert first[0] == "compiling Q8_0"
    modules = first[1].replace("edgemed_native.", "")
    assert modules == "decoders.floats decoders.legacy encoders.q8_0"
    assert second == first[1:]


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
def test_where_nothing_can_be_kept_kernels_are_compiled_every_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "file")}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", WARM_UP], env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("compiling Q8_0")
