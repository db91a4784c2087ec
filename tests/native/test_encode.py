"""Encoders: bytes, errors beside libggml's, edges, and the same result everywhere."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from edgemed_native import _jit, libggml
from edgemed_native.codecs import CODECS, decode_rows, encode_rows
from edgemed_native.encoders import VERSION
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import config
from numpy.typing import NDArray

from tests.native.guarded import guarded_copy, needs_guards
from tests.oracles import encode as twin
from tests.oracles.encode_error import errors, ours, ratios, tensors, theirs

F = np.float32
K_QUANTS = ["Q4_K", "Q5_K", "Q6_K"]
EXACT = ["F32", "F16", "BF16", "Q8_0"]
ALL = EXACT + K_QUANTS
FEW = 3 if config.DISABLE_JIT else 35  # blocks; the numpy lanes are slow

needs_libggml = pytest.mark.skipif(libggml.find() is None, reason="llama-cpp-python is absent")


@pytest.fixture(autouse=True)
def quiet_numpy() -> Iterator[None]:
    """Without the compiler, lanes are numpy arrays, which warn about what lanes mask away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def odd_blocks() -> NDArray[np.float32]:
    """Blocks of 256 that searches stumble over."""
    rng = np.random.default_rng(3)
    x = (0.02 * rng.standard_normal((17, 256))).astype(F)
    x[0], x[1], x[2] = 0, 5, -3
    x[3] *= 1e-4  # scales below the least half
    x[4] *= 1e-38  # denormal
    x[5, 7] = 3e4
    x[6] += 100
    x[7] -= 100
    x[8] = np.arange(256)
    x[9, ::2] = 0
    x[10, :32] = 0
    x[11] = np.where(rng.random(256) < 0.5, -1, 1)
    x[12] = abs(x[12])
    x[13] = -abs(x[13])
    x[14] *= 1e15  # beyond any half scale
    x[15] *= 1e36
    x[16] *= 1e8
    return x


@needs_libggml
@pytest.mark.parametrize("name", EXACT)
def test_exact_types_have_the_bytes_of_libggml(name: str) -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([odd_blocks(), (rng.standard_t(3, (FEW, 256))).astype(F)])
    assert (ours(name, x) == theirs(name, x)).all()


@needs_libggml
@pytest.mark.parametrize("block", range(3))
def test_q8_0_rounds_halves_away_from_zero_as_libggml_does(block: int) -> None:
    below = np.nextafter(F(0.5), F(0))
    ties = np.array([127, 0.5, -0.5, 1.5, -2.5, below, -below, 126.5], F)
    x = np.resize(ties * F(2.0 ** (block - 1)), (1, 32))
    assert (ours("Q8_0", x) == theirs("Q8_0", x)).all()


@pytest.mark.parametrize("name", K_QUANTS)
def test_bytes_equal_those_of_the_plain_twin(name: str) -> None:
    for x in tensors(1, 256 * FEW, None).values():
        blocks = x.reshape(-1, 256)
        assert (ours(name, blocks) == twin.encode(name, blocks)).all()


@pytest.mark.parametrize("name", K_QUANTS)
def test_odd_blocks_equal_those_of_the_plain_twin(name: str) -> None:
    x = odd_blocks()
    assert (ours(name, x) == twin.encode(name, x)).all(axis=1).all()


@cache
def distributions(model: Path) -> dict[str, NDArray[np.float32]]:
    return tensors(16, 4096, model)


@needs_libggml
@pytest.mark.skipif(config.DISABLE_JIT, reason="too slow without the compiler")
@pytest.mark.parametrize("name", ALL)
def test_neither_error_is_above_that_of_libggml(name: str, data: Path) -> None:
    model = data / "models" / "stories260k" / "stories260K.gguf"
    for kind, x in distributions(model).items():
        plain, weighted = ratios(name, x)
        assert plain <= 1 and weighted <= 1, (kind, plain, weighted)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("blocks", [1, 2, 15, 16, 17, 33] if not config.DISABLE_JIT else [1, 17])
@needs_guards
def test_nothing_outside_the_rows_is_read_or_written(name: str, blocks: int) -> None:
    width = max(32, CODECS[name].type.block)
    x = np.random.default_rng(blocks).standard_normal((blocks, width)).astype(F)
    want = ours(name, x)
    for end in (True, False):
        packed = guarded_copy(np.zeros_like(want), end=end)
        encode_rows(name, guarded_copy(x, end=end), packed)
        assert (packed == want).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])
@needs_guards
def test_values_that_no_block_holds_are_survived(name: str, value: float) -> None:
    width = max(32, CODECS[name].type.block)
    x = np.random.default_rng(0).standard_normal((3, width)).astype(F)
    x[1, 5::9] = value
    packed = guarded_copy(np.zeros((3, CODECS[name].type.row_bytes(width)), np.uint8), end=True)
    encode_rows(name, guarded_copy(x, end=True), packed)
    assert (packed[[0, 2]] == ours(name, x[[0, 2]])).all()


@pytest.mark.parametrize("name", ["F16", "Q8_0", *K_QUANTS])
@pytest.mark.parametrize("value", [1e9, -1e9, 1e13, -1e13, 3e38, -3e38])
def test_weights_beyond_the_range_of_halves_decode_to_something_not_finite(
    name: str, value: float
) -> None:
    width = max(32, CODECS[name].type.block)
    x = np.full((1, width), value, F)
    y = np.empty_like(x)
    decode_rows(name, ours(name, x), y)
    assert not np.isfinite(y).any()


@pytest.mark.parametrize("name", ALL)
def test_any_chunks_and_threads_give_the_same_bytes(name: str) -> None:
    width = max(32, CODECS[name].type.block)
    rows = 7 if config.DISABLE_JIT else 67
    x = np.random.default_rng(5).standard_t(4, (rows, width)).astype(F)
    whole, parts = ours(name, x), np.zeros((rows, CODECS[name].type.row_bytes(width)), np.uint8)
    for threads, chunk in ((1, 1), (3, 5), (8, 16), (2, 31)):
        parts[...] = 0
        pieces = [slice(start, start + chunk) for start in range(0, rows, chunk)]
        with ThreadPoolExecutor(threads) as pool:
            list(
                pool.map(
                    encode_rows, repeat(name), [x[p] for p in pieces], [parts[p] for p in pieces]
                )
            )
        assert (parts == whole).all()


SAME_BYTES = """
import sys, warnings
from hashlib import sha256
import numpy as np
from edgemed_native.codecs import CODECS, encode_rows
warnings.simplefilter("ignore")
for name in sys.argv[1:]:
    x = np.random.default_rng(9).standard_t(4, (5, 256)).astype(np.float32)
    packed = np.zeros((5, CODECS[name].type.row_bytes(256)), np.uint8)
    encode_rows(name, x, packed)
    print(name, sha256(packed.tobytes()).hexdigest())
"""


@pytest.mark.parametrize(
    "setting, names",
    [
        ({"NUMBA_DISABLE_JIT": "1"}, ALL),
        ({"NUMBA_CPU_NAME": "haswell"}, ALL),
        ({"NUMBA_CPU_NAME": "skylake-avx512"}, ["Q4_K", "Q6_K"]),
        ({"NUMBA_CPU_NAME": "generic"}, ["Q4_K"]),
    ],
    ids=["no compiler", "haswell", "skylake-avx512", "generic"],
)
@pytest.mark.skipif(config.DISABLE_JIT, reason="the processor's name means nothing then")
def test_every_processor_gives_the_same_bytes(setting: dict[str, str], names: list[str]) -> None:
    setting = {**setting, "NUMBA_CACHE_DIR": str(_jit.CACHE.parent)}
    if not can_run(setting.get("NUMBA_CPU_NAME", "generic")):
        pytest.skip("this processor has not the instructions")
    command = [sys.executable, "-c", SAME_BYTES, *names]
    lines = subprocess.check_output(command, env={**os.environ, **setting}, text=True).split("\n")
    x = np.random.default_rng(9).standard_t(4, (5, 256)).astype(F)
    assert lines[:-1] == [f"{n} {sha256(ours(n, x).tobytes()).hexdigest()}" for n in names]


def can_run(cpu: str) -> bool:
    """Whether this machine has what code for `cpu` may use (Linux says; elsewhere only generic)."""
    needed = {"generic": set(), "haswell": {"avx2", "fma"}, "skylake-avx512": {"avx512f"}}[cpu]
    flags = Path("/proc/cpuinfo")
    return needed <= (set(flags.read_text().split()) if flags.exists() else set())


# The bytes that VERSION stands for: whoever changes these raises it.
BYTES_OF_VERSION = {
    2: {
        "F32": "78cdcfc19b18b58f",
        "F16": "1d7aa5bcaf6344d1",
        "BF16": "0a322527e3f46180",
        "Q8_0": "14c68ac1c63a5127",
        "Q4_K": "27d192bb36c4e572",
        "Q5_K": "fc3aa13fc7cbb2ea",
        "Q6_K": "201728a139eb0d82",
        "Q2_K": "667e677ba4f19a0f",
        "Q3_K": "67e1da448c95833f",
        "Q4_0": "c882898df88e5369",
        "Q4_1": "36b0a0ceaa435fdd",
        "Q5_0": "ae3b57f499cd8034",
        "Q5_1": "34cbf34dad5095df",
        "IQ4_NL": "7d07bba5647c9219",
        "IQ4_XS": "2a84dac88c474ce6",
        "TQ1_0": "3be2e76337f6a573",
        "TQ2_0": "0a3455c007043f43",
        "Q2_0": "9809d77ff31c3cbb",
        "Q1_0": "4e329c980337c355",
        "MXFP4": "fb5125e019f1b2fa",
        "NVFP4": "64a0c677b11f8508",
    }
}


def fixed_weights() -> NDArray[np.float32]:
    """Ten blocks without a random generator: cubes of numbers in -0.5..0.5, exact in float64."""
    steps = np.arange(2560, dtype=np.uint64) * np.uint64(2654435761) >> np.uint64(9)
    u = (steps & np.uint64(0xFFFF)) / 65536 - 0.5
    return (u * u * u).astype(F).reshape(10, 256)


@pytest.mark.parametrize("name", BYTES_OF_VERSION[VERSION])
def test_the_bytes_are_those_of_this_version(name: str) -> None:
    digest = sha256(ours(name, fixed_weights()).tobytes()).hexdigest()
    assert digest[:16] == BYTES_OF_VERSION[VERSION][name]


# The worst a block may be: root mean square error over the block's largest weight.
BOUNDS = {"Q4_K": 0.1, "Q5_K": 0.06, "Q6_K": 0.035, "Q8_0": 0.0041, "BF16": 0.004, "F16": 0.0005}
ANY_ROW = arrays(F, 256, elements=st.floats(-8, 8, width=32))
EXAMPLES = settings(max_examples=5 if config.DISABLE_JIT else 60, deadline=None)


@pytest.mark.parametrize("name", BOUNDS)
@EXAMPLES
@given(row=ANY_ROW)
def test_the_error_of_a_block_is_bounded(name: str, row: NDArray[np.float32]) -> None:
    x, y = row[None], np.empty((1, 256), F)
    x = np.where(abs(x) < 2.0**-10, F(0), x)  # where halves are subnormal the bound is another
    decode_rows(name, ours(name, x), y)
    assert np.sqrt(((x - y) ** 2).mean()) <= BOUNDS[name] * abs(x).max()


@pytest.mark.parametrize("name", EXACT)
@EXAMPLES
@given(row=ANY_ROW)
def test_exact_types_keep_what_they_stored(name: str, row: NDArray[np.float32]) -> None:
    first, y = ours(name, row[None]), np.empty((1, 256), F)
    decode_rows(name, first, y)
    again, z = ours(name, y), np.empty_like(y)
    decode_rows(name, again, z)
    assert (y == z).all()


@needs_libggml
@pytest.mark.parametrize("name", K_QUANTS)
def test_encoding_again_drifts_less_than_half_as_far(name: str) -> None:
    for x in tensors(1, 256 * FEW, None).values():
        blocks = x.reshape(-1, 256)
        packed, y = ours(name, blocks), np.empty_like(blocks)
        decode_rows(name, packed, y)
        assert errors(name, y, ours(name, y))[0] <= 0.5 * errors(name, blocks, packed)[0]


@pytest.mark.parametrize("name", K_QUANTS)
@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 0.375, -250.0])
def test_equal_weights_are_kept_as_closely_as_the_block_scale(name: str, value: float) -> None:
    x, y = np.full((1, 256), value, F), np.empty((1, 256), F)
    decode_rows(name, ours(name, x), y)
    assert (abs(y - x) <= abs(value) * 2.0**-10).all()
