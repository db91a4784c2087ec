"""Half-precision and word helpers against NumPy: every half, and every kind of float32."""

import numpy as np
from edgemed_native import bits
from edgemed_native._jit import kernel
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray


@kernel
def all_from_half(halves, dst):
    for i in range(dst.size):
        dst[i] = bits.f32_from_half(halves[i])


@kernel
def all_from_f32(values, dst):
    for i in range(dst.size):
        dst[i] = bits.half_from_f32(values[i])


def as_numpy_rounds(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    with np.errstate(over="ignore"):
        return values.astype(np.float16).view(np.uint16).astype(np.uint32)


def halves_of(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    dst = np.empty(values.size, np.uint32)
    all_from_f32(values, dst)
    return dst


def test_every_half_converts_exactly() -> None:
    halves = np.arange(65536, dtype=np.uint32)
    dst = np.empty(65536, np.float32)
    all_from_half(halves, dst)
    truth = halves.astype(np.uint16).view(np.float16).astype(np.float32)
    numbers = ~np.isnan(truth)
    assert np.array_equal(np.isnan(dst), ~numbers)
    assert np.array_equal(dst.view(np.uint32)[numbers], truth.view(np.uint32)[numbers])


def test_every_half_survives_the_round_trip() -> None:
    halves = np.arange(65536, dtype=np.uint16)
    numbers = halves[~np.isnan(halves.view(np.float16))]
    assert np.array_equal(halves_of(numbers.view(np.float16).astype(np.float32)), numbers)


def test_floats_on_and_beside_every_rounding_boundary_round_to_even() -> None:
    halves = np.arange(0x7BFF, dtype=np.uint16).view(np.float16).astype(np.float32)
    halfway = (halves[:-1] + halves[1:]) / np.float32(2)
    down, up = np.nextafter(halfway, np.float32(0)), np.nextafter(halfway, np.float32(np.inf))
    for values in (halfway, down, up, -halfway, -down, -up):
        assert np.array_equal(halves_of(values), as_numpy_rounds(values))


def test_overflow_gives_infinity_and_nan_stays_nan() -> None:
    values = np.array([65504, 65519.996, 65520, 1e38, np.inf, -65520], np.float32)
    assert np.array_equal(halves_of(values), as_numpy_rounds(values))
    nan = np.array([0x7F800001, 0xFFC00000, 0x7FFFFFFF], np.uint32).view(np.float32)
    assert np.isnan(halves_of(nan).astype(np.uint16).view(np.float16)).all()


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
def test_any_float_rounds_as_numpy_does(numbers: list[float]) -> None:
    values = np.array(numbers, np.float32)
    assert np.array_equal(halves_of(values), as_numpy_rounds(values))


def test_bytes_are_read_and_written_little_endian() -> None:
    row = np.array([9, 0x78, 0x56, 0x34, 0xF2, 9], np.uint8)
    assert bits.word_at(row, 1) == 0xF2345678
    bits.put_half(row, 1, np.float32(-2.5))
    assert row.tolist() == [9, 0x00, 0xC1, 0x34, 0xF2, 9]
    assert bits.half_at(row, 1) == -2.5
