"""Encoders under importances: bytes, errors beside libggml's, edges, the same everywhere."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from edgemed_native import _jit, libggml
from edgemed_native.codecs import CODECS, IGNORES_WEIGHTS, decode_rows, encode_rows, obstacle
from numba import config
from numpy.typing import NDArray

from tests.native.guarded import guarded_copy, needs_guards
from tests.native.test_encode import (
    FEW,
    F,
    can_run,
    distributions,
    fixed_weights,
    needs_libggml,
    odd_blocks,
    quiet_numpy,
)
from tests.oracles import encode as k_quants
from tests.oracles import encode_legacy
from tests.oracles.encode_error import U8, errors, matrices, ours, ratios, tensors, theirs

__all__ = ["quiet_numpy"]  # a fixture: pytest finds it by its name here

TWINS = dict.fromkeys(["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"], k_quants) | dict.fromkeys(
    ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "IQ4_XS"], encode_legacy
)
ALL = list(TWINS)
N = 512  # two of the longest blocks in a row


def twin(name: str, x: NDArray[np.float32], importances: NDArray[np.float32]) -> U8:
    packed: U8 = TWINS[name].encode(name, x, importances)
    return packed


def test_every_type_that_minds_importances_in_libggml_has_an_encoder_of_ours_or_is_named() -> None:
    """Those that ours does not encode with importances are libggml's own grid types."""
    minding = {n for n in libggml.ENCODABLE - IGNORES_WEIGHTS if CODECS[n].encode_weighted is None}
    assert minding == {n for n in libggml.ENCODABLE if n.startswith(("IQ1", "IQ2", "IQ3"))}


@pytest.mark.parametrize("name", ALL)
def test_bytes_equal_those_of_the_plain_twin(name: str) -> None:
    for kind, x in tensors(1, 256 * max(4, FEW // 2 * 2), None).items():
        for which in ("uneven", "holes"):
            rows, importances = x.reshape(-1, N), matrices(N)[which]
            expected = twin(name, rows, importances)
            assert (ours(name, rows, importances) == expected).all(), (kind, which)


@pytest.mark.parametrize("name", ALL)
def test_odd_blocks_equal_those_of_the_plain_twin(name: str) -> None:
    x = odd_blocks()
    importances = matrices(256)["holes"]
    assert (ours(name, x, importances) == twin(name, x, importances)).all(axis=1).all()


@needs_libggml
@pytest.mark.skipif(config.DISABLE_JIT, reason="too slow without the compiler")
@pytest.mark.parametrize("name", ALL)
def test_the_error_under_importances_is_not_above_that_of_libggml(name: str, data: Path) -> None:
    model = data / "models" / "stories260k" / "stories260K.gguf"
    for kind, x in distributions(model).items():
        for which, importances in matrices(x.shape[1]).items():
            assert ratios(name, x, importances)[1] <= 1, (kind, which)


@needs_libggml
@pytest.mark.parametrize("name", ALL)
def test_blocks_that_nothing_is_known_of_are_kept_as_well_as_others(name: str) -> None:
    x = tensors(4, N, None)["gaussian"]
    importances, unknown = np.ones(N, F), slice(N // 4, N // 4 + 64)
    importances[unknown] = 0
    y, known = np.empty_like(x), np.empty_like(x)
    decode_rows(name, ours(name, x, importances), y)
    decode_rows(name, ours(name, x), known)
    error, usual = ((z[:, unknown] - x[:, unknown]).std() for z in (y, known))
    assert error < 1.3 * usual


@pytest.mark.parametrize("name", ALL)
def test_only_the_proportions_of_importances_count(name: str) -> None:
    x, importances = tensors(2, N, None)["gaussian"], matrices(N)["uneven"]
    want = ours(name, x, importances)
    for power in (-60, -1, 40):
        assert (ours(name, x, importances * F(2.0**power)) == want).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 33] if not config.DISABLE_JIT else [1, 17])
@needs_guards
def test_nothing_outside_the_rows_is_read_or_written(name: str, rows: int) -> None:
    x = np.random.default_rng(rows).standard_normal((rows, N)).astype(F)
    importances = matrices(N)["uneven"]
    want = ours(name, x, importances)
    for end in (True, False):
        packed = guarded_copy(np.zeros_like(want), end=end)
        encode_rows(name, guarded_copy(x, end=end), packed, guarded_copy(importances, end=end))
        assert (packed == want).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])
def test_values_that_no_block_holds_harm_no_other_row(name: str, value: float) -> None:
    x = np.random.default_rng(0).standard_normal((3, N)).astype(F)
    importances = matrices(N)["uneven"]
    want = ours(name, x, importances)
    x[1, 5::9] = value
    assert (ours(name, x, importances)[[0, 2]] == want[[0, 2]]).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [1e9, -1e9, 1e13, -1e13, 3e38, -3e38])
def test_weights_beyond_the_range_of_halves_decode_to_something_not_finite(
    name: str, value: float
) -> None:
    x = np.full((1, N), value, F)
    x[0, ::2] *= F(0.5)
    y = np.empty_like(x)
    decode_rows(name, ours(name, x, matrices(N)["uneven"]), y)
    assert not np.isfinite(y).any()


@pytest.mark.parametrize("name", ALL)
def test_any_chunks_and_threads_give_the_same_bytes(name: str) -> None:
    rows = 7 if config.DISABLE_JIT else 67
    x = np.random.default_rng(5).standard_t(4, (rows, N)).astype(F)
    importances = matrices(N)["uneven"]
    whole = ours(name, x, importances)
    for threads, chunk in ((3, 5), (8, 16), (2, 31)):
        parts = np.zeros_like(whole)
        pieces = [slice(start, start + chunk) for start in range(0, rows, chunk)]
        sources, places = [x[p] for p in pieces], [parts[p] for p in pieces]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(encode_rows, repeat(name), sources, places, repeat(importances)))
        assert (parts == whole).all()


SAME_BYTES = """
import sys, warnings
from hashlib import sha256
from tests.native.test_encode import fixed_weights
from tests.oracles.encode_error import matrices, ours
warnings.simplefilter("ignore")
x = fixed_weights().reshape(5, 512)
for name in sys.argv[1:]:
    print(sha256(ours(name, x, matrices(512)["uneven"]).tobytes()).hexdigest())
"""


@pytest.mark.parametrize("cpu", ["no compiler", "skylake-avx512", "generic"])
@pytest.mark.skipif(config.DISABLE_JIT, reason="the processor's name means nothing then")
def test_every_processor_gives_the_same_bytes(cpu: str) -> None:
    if cpu != "no compiler" and not can_run(cpu):
        pytest.skip("this processor has not the instructions")
    names = ALL if cpu == "no compiler" else ["Q4_1", "Q3_K"]
    chosen = {"NUMBA_DISABLE_JIT": "1"} if cpu == "no compiler" else {"NUMBA_CPU_NAME": cpu}
    env = {**os.environ, **chosen, "NUMBA_CACHE_DIR": str(_jit.CACHE.parent)}
    lines = subprocess.check_output([sys.executable, "-c", SAME_BYTES, *names], env=env, text=True)
    x, importances = fixed_weights().reshape(5, N), matrices(N)["uneven"]
    want = [sha256(ours(n, x, importances).tobytes()).hexdigest() for n in names]
    assert lines.split() == want


@needs_libggml
@pytest.mark.parametrize("name", ALL)
def test_libggml_need_not_be_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, importances = tensors(1, N, None)["gaussian"], matrices(N)["uneven"]
    want = ours(name, x, importances)
    monkeypatch.setattr(libggml, "find", lambda: None)
    assert obstacle(name, weighted=True) is None
    assert (ours(name, x, importances) == want).all()


@needs_libggml
@pytest.mark.parametrize("name", ALL)
def test_importances_that_are_alike_cost_no_accuracy(name: str) -> None:
    x = tensors(4, N, None)["gaussian"]
    alike = errors(name, x, ours(name, x, np.ones(N, F)))[0]
    assert alike <= 1.1 * errors(name, x, theirs(name, x))[0]
