"""Mixing rows: exact at the ends, the same bits for any division into calls, right by a twin."""

import numpy as np
import pytest
from edgemed_native import mix
from hypothesis import given
from hypothesis import strategies as st
from numba import config
from numpy.typing import NDArray

from tests.native.guarded import guarded, guarded_copy, needs_guards
from tests.native.processors import output_on
from tests.oracles import mix as oracle

F32 = NDArray[np.float32]


def pair(rows: int = 5, n: int = 333, seed: int = 0) -> tuple[F32, F32]:
    """Two unlike models: the second is the first with a tenth of noise."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((rows, n), np.float32)
    return a, a + rng.standard_normal((rows, n), np.float32) * np.float32(0.1)


@given(st.floats(-2, 2), st.floats(-2, 2), st.integers(1, 70))
def test_weighted_sums_round_three_times_and_never_fuse(wa: float, wb: float, n: int) -> None:
    a, b = pair(2, n)
    dst = np.empty_like(a)
    mix.weighted(a, b, wa, wb, dst)
    assert np.array_equal(dst, oracle.weighted(a, b, wa, wb))


def test_the_result_may_replace_either_input() -> None:
    a, b = pair()
    expected = oracle.weighted(a, b, 0.3, 0.7)
    into_a, into_b = a.copy(), b.copy()
    mix.weighted(into_a, b, 0.3, 0.7, into_a)
    mix.weighted(a, into_b, 0.3, 0.7, into_b)
    assert np.array_equal(into_a, expected)
    assert np.array_equal(into_b, expected)


def test_inputs_that_overlap_the_result_in_part_are_refused() -> None:
    memory = np.ones(100, np.float32)
    a, b = memory[:40].reshape(1, 40), np.ones((1, 40), np.float32)
    shifted = memory[20:60].reshape(1, 40)
    for first, second in ((a, b), (b, a)):
        with pytest.raises(ValueError, match="share no memory"):
            mix.weighted(first, second, 0.5, 0.5, shifted)


def test_sums_are_right_and_one_row_does_not_see_another() -> None:
    a, b = pair(4, 1000)
    sums = mix.dot_norms(a, b)
    truth = [
        [oracle.dot(x, y), oracle.dot(x, x), oracle.dot(y, y)] for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(sums, truth, rtol=1e-14)
    alone = np.concatenate([mix.dot_norms(a[i : i + 1], b[i : i + 1]) for i in range(4)])
    assert sums.tobytes() == alone.tobytes()


@pytest.mark.parametrize("n", [1, 63, 64, 65, 129])
def test_sums_do_not_miss_the_last_columns(n: int) -> None:
    ones = np.ones((2, n), np.float32)
    assert mix.dot_norms(ones, ones * np.float32(2)).tolist() == [[2 * n, n, 4 * n]] * 2


@given(st.integers(0, 332), st.sampled_from([np.nan, -np.nan, np.inf, -np.inf]))
def test_one_bad_number_anywhere_is_found(column: int, bad: float) -> None:
    a, _ = pair()
    assert np.isfinite(mix.peak(a))
    a[2, column] = bad
    assert not np.isfinite(mix.peak(a))
    assert np.isnan(mix.peak(a)) == np.isnan(bad)


def test_the_peak_is_the_largest_magnitude() -> None:
    a, _ = pair()
    a[3, 300] = -1e30
    assert mix.peak(a) == np.float32(1e30)
    assert mix.peak(np.zeros((0, 5), np.float32)) == 0.0


def test_arrays_that_do_not_fit_are_refused() -> None:
    a, b = pair()
    for wrong in (b[:1], b.astype(np.float64), b[:, ::2], b.ravel()):
        with pytest.raises(ValueError, match="rows must be"):
            mix.weighted(a, wrong, 0.5, 0.5, np.empty_like(a))


@needs_guards
@pytest.mark.parametrize("end", [True, False])
def test_no_byte_outside_the_buffers_is_touched(end: bool) -> None:
    for n in (1, 63, 64, 130):
        a, b = (guarded_copy(x, end=end) for x in pair(3, n))
        dst = guarded(a.nbytes, end=end).view(np.float32).reshape(a.shape)
        mix.weighted(a, b, 0.5, 0.5, dst)
        mix.weighted(a, b, 0.5, 0.5, a)
        mix.dot_norms(a, b)
        assert np.isfinite(mix.peak(a))


def fingerprint() -> str:
    a, b = pair(7, 999)
    dst = np.empty_like(a)
    mix.weighted(a, b, 0.3, 0.7, dst)
    return (dst.tobytes() + mix.dot_norms(a, b).tobytes()).hex()


@pytest.mark.skipif(config.DISABLE_JIT, reason="no machine code without the compiler")
@pytest.mark.parametrize("processor", ["generic", "haswell", "skylake-avx512"])
def test_the_bits_do_not_depend_on_the_vector_width(processor: str) -> None:
    code = "from tests.native.test_mix import fingerprint; print(fingerprint())"
    assert output_on(processor, code) == fingerprint()
