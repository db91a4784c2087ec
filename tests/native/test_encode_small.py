"""Encoders of the smaller formats: bytes, errors beside libggml's, edges, the same everywhere."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from edgemed_native import _jit
from edgemed_native.codecs import CODECS, decode_rows, encode_rows
from numba import config
from numpy.typing import NDArray

from tests.native.guarded import guarded_copy, needs_guards
from tests.native.test_encode import (
    FEW,
    SAME_BYTES,
    F,
    can_run,
    distributions,
    needs_libggml,
    odd_blocks,
    quiet_numpy,
)
from tests.oracles import encode as k_quants
from tests.oracles import encode_legacy, encode_tiny
from tests.oracles.encode_error import U8, ours, ratios, tensors

__all__ = ["quiet_numpy"]  # a fixture: pytest finds it by its name here

LEGACY = ["Q4_0", "Q4_1", "Q5_0", "Q5_1"]
TERNARY = ["TQ1_0", "TQ2_0", "Q2_0"]
TWINS = (
    dict.fromkeys(["Q2_K", "Q3_K"], k_quants)
    | dict.fromkeys([*LEGACY, "IQ4_NL", "IQ4_XS"], encode_legacy)
    | dict.fromkeys([*TERNARY, "Q1_0", "MXFP4", "NVFP4"], encode_tiny)
)
ALL = list(TWINS)


def twin(name: str, x: NDArray[np.float32]) -> U8:
    packed: U8 = TWINS[name].encode(name, x)
    return packed


@pytest.mark.parametrize("name", ALL)
def test_bytes_equal_those_of_the_plain_twin(name: str) -> None:
    for kind, x in tensors(1, 256 * FEW, None).items():
        blocks = x.reshape(-1, 256)
        assert (ours(name, blocks) == twin(name, blocks)).all(), kind


@pytest.mark.parametrize("name", ALL)
def test_odd_blocks_equal_those_of_the_plain_twin(name: str) -> None:
    x = odd_blocks()
    assert (ours(name, x) == twin(name, x)).all(axis=1).all()


@needs_libggml
@pytest.mark.skipif(config.DISABLE_JIT, reason="too slow without the compiler")
@pytest.mark.parametrize("name", ALL)
def test_neither_error_is_above_that_of_libggml(name: str, data: Path) -> None:
    model = data / "models" / "stories260k" / "stories260K.gguf"
    for kind, x in distributions(model).items():
        plain, weighted = ratios(name, x)
        assert plain <= 1 and weighted <= 1, (kind, plain, weighted)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("blocks", [1, 15, 16, 17] if not config.DISABLE_JIT else [1, 17])
@needs_guards
def test_nothing_outside_the_rows_is_read_or_written(name: str, blocks: int) -> None:
    x = np.random.default_rng(blocks).standard_normal((blocks, CODECS[name].type.block)).astype(F)
    want = ours(name, x)
    for end in (True, False):
        packed = guarded_copy(np.zeros_like(want), end=end)
        encode_rows(name, guarded_copy(x, end=end), packed)
        assert (packed == want).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])
def test_values_that_no_block_holds_harm_no_other_block(name: str, value: float) -> None:
    x = np.random.default_rng(0).standard_normal((3, CODECS[name].type.block)).astype(F)
    x[1, 5::9] = value
    assert (ours(name, x)[[0, 2]] == ours(name, x[[0, 2]])).all()


@pytest.mark.parametrize("name", LEGACY)
def test_encoding_again_gives_the_same_weights(name: str) -> None:
    for x in tensors(1, 256 * FEW, None).values():
        y, z = np.empty_like(x), np.empty_like(x)
        decode_rows(name, ours(name, x), y)
        decode_rows(name, ours(name, y), z)
        assert abs(z - y).max() <= 1e-3 * abs(x).max()


@pytest.mark.parametrize("name", TERNARY)
@pytest.mark.parametrize("scale", [0.02, 1.0, 37.5])
def test_ternary_weights_stay_as_they_are(name: str, scale: float) -> None:
    d = F(np.float16(scale))
    x = d * np.random.default_rng(4).integers(-1, 2, (9, 256)).astype(F)
    y = np.empty_like(x)
    decode_rows(name, ours(name, x), y)
    assert (x == y).all()


# E2M1 has no step for every value under a power of two, NVFP4 a scale of three bits only.
EXACT_FOR_EQUAL = [name for name in ALL if name not in ("MXFP4", "NVFP4")]


@pytest.mark.parametrize("name", EXACT_FOR_EQUAL)
@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 0.375, -250.0])
def test_equal_weights_are_kept_as_closely_as_the_block_scale(name: str, value: float) -> None:
    x, y = (
        np.full((1, CODECS[name].type.block), value, F),
        np.empty((1, CODECS[name].type.block), F),
    )
    decode_rows(name, ours(name, x), y)
    assert (abs(y - x) <= abs(value) * 2.0**-10).all()


@pytest.mark.parametrize("cpu", ["no compiler", "haswell", "skylake-avx512", "generic"])
@pytest.mark.skipif(config.DISABLE_JIT, reason="the processor's name means nothing then")
def test_every_processor_gives_the_same_bytes(cpu: str) -> None:
    if cpu != "no compiler" and not can_run(cpu):
        pytest.skip("this processor has not the instructions")
    names = ALL if cpu in ("no compiler", "haswell") else ["Q5_1", "Q3_K", "NVFP4"]
    chosen = {"NUMBA_DISABLE_JIT": "1"} if cpu == "no compiler" else {"NUMBA_CPU_NAME": cpu}
    env = {**os.environ, **chosen, "NUMBA_CACHE_DIR": str(_jit.CACHE.parent)}
    lines = subprocess.check_output([sys.executable, "-c", SAME_BYTES, *names], env=env, text=True)
    x = np.random.default_rng(9).standard_t(4, (5, 256)).astype(F)
    want = [f"{n} {sha256(ours(n, x).tobytes()).hexdigest()}" for n in names]
    assert lines.splitlines() == want
