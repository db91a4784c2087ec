"""Every operation on lanes, compiled and as numpy: the same bits."""

import itertools
import warnings

import numpy as np
import pytest
from edgemed_native import lanes_numpy
from edgemed_native._jit import inner
from edgemed_native.lanes import (
    LANES,
    absolute,
    bits,
    floats,
    fma,
    integers,
    larger,
    load,
    nearest,
    smaller,
    splat,
    sqrt,
    store,
    store_bytes,
    transpose,
    where_less,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.native.guarded import guarded_copy, needs_guards
from tests.oracles.encode import exact_fma

F = np.float32
ANY = st.floats(width=32)
SIXTEEN = st.lists(ANY, min_size=LANES, max_size=LANES)
MIDDLING = st.floats(-(2.0**60), 2.0**60, width=32)

OPERATIONS = (
    "add sub mul div fma sqrt absolute nearest larger smaller where_less splat bits".split()
)


@inner
def run_all(a, b, c, out):
    """One row of 16 results for each of OPERATIONS."""
    x, y, z = load(a, 0), load(b, 0), load(c, 0)
    store(out, 0 * LANES, x + y)
    store(out, 1 * LANES, x - y)
    store(out, 2 * LANES, x * y)
    store(out, 3 * LANES, x / y)
    store(out, 4 * LANES, fma(x, y, z))
    store(out, 5 * LANES, sqrt(x))
    store(out, 6 * LANES, absolute(x))
    store(out, 7 * LANES, nearest(x))
    store(out, 8 * LANES, larger(x, y))
    store(out, 9 * LANES, smaller(x, y))
    store(out, 10 * LANES, where_less(x, y, y, z))
    store(out, 11 * LANES, splat(c[3]))
    store(out, 12 * LANES, floats(bits(x) & splat(np.int32(-8))))


def expected(a: NDArray[np.float32], b: NDArray[np.float32], c: NDArray[np.float32]) -> list:
    with np.errstate(all="ignore"):
        return [
            a + b,
            a - b,
            a * b,
            a / b,
            lanes_numpy.fma(a, b, c),
            np.sqrt(a),
            np.abs(a),
            lanes_numpy.nearest(a),
            lanes_numpy.larger(a, b),
            lanes_numpy.smaller(a, b),
            lanes_numpy.where_less(a, b, b, c),
            np.full(LANES, c[3]),
            (a.view(np.int32) & np.int32(-8)).view(F),
        ]


@settings(deadline=None)
@given(SIXTEEN, SIXTEEN, SIXTEEN)
def test_compiled_operations_give_the_bits_of_numpy(a: list, b: list, c: list) -> None:
    x, y, z = (np.array(values, F) for values in (a, b, c))
    out = np.empty((len(OPERATIONS), LANES), F)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, where nothing is compiled
        run_all(x, y, z, out)
    for name, got, want in zip(OPERATIONS, out, expected(x, y, z), strict=True):
        same = (got.view(np.int32) == want.view(np.int32)) | (np.isnan(got) & np.isnan(want))
        assert same.all(), (name, got, want)


@settings(deadline=None)
@given(MIDDLING, MIDDLING, MIDDLING)
def test_fma_rounds_once(a: float, b: float, c: float) -> None:
    x, y, z = (np.full(LANES, value, F) for value in (a, b, c))
    assert lanes_numpy.fma(x, y, z)[0] == exact_fma(float(x[0]), float(y[0]), float(z[0]))


def test_fma_rounds_once_where_two_roundings_would_differ() -> None:
    a, c = F(1 + 2.0**-23), F(2.0**-60)
    # a * a = 1 + 2**-22 + 2**-46; times 2**23 it ends in a half that 2**-60 must tip upwards
    for x, y, z in itertools.product([a, F(1), F(-1.5)], [a, F(2.0**-24)], [c, -c, F(1)]):
        got = lanes_numpy.fma(*(np.full(LANES, value, F) for value in (x, y, z)))[0]
        assert got == exact_fma(float(x), float(y), float(z))


def test_nearest_takes_halves_to_even() -> None:
    out = np.empty((len(OPERATIONS), LANES), F)
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999998, 1e6 + 0.5] * 2, F)
    run_all(x, np.ones(LANES, F), x, out)
    assert out[7].tolist() == [-2, -2, 0, 0, 2, 2, 2, 1e6] * 2


@inner
def narrow(a, out, at):
    whole = integers(load(a, 0))
    store_bytes(out, at, (whole | splat(np.int32(1)) << splat(np.int32(4))) & splat(np.int32(255)))


def test_integers_become_bytes() -> None:
    out = np.zeros(LANES + 2, np.uint8)
    narrow(np.arange(LANES, dtype=F), out, 1)
    assert out.tolist() == [0, *range(16, 32), 0]


@needs_guards
@pytest.mark.parametrize("blocks", [1, 2, 15, 16, 17, 40])
def test_transpose_repeats_the_last_block_and_reads_nothing_beyond(blocks: int) -> None:
    width = 48
    src = np.arange(blocks * width, dtype=F).reshape(blocks, width)
    for end, first, column in itertools.product((True, False), (0, 16), (0, 16, 32)):
        if first >= blocks:
            continue
        out = guarded_copy(np.zeros((LANES, LANES), F), end=end)
        turn(guarded_copy(src, end=end), first, blocks - 1, width, column, out)
        chosen = np.minimum(first + np.arange(LANES), blocks - 1)
        assert (out == src[chosen, column : column + LANES].T).all()


@inner
def turn(src, first, last, stride, column, out):
    transpose(src, first, last, stride, column, out, 0)
