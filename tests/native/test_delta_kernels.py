"""Kernels on differences: the same bits as numpy, for any length and any division into calls."""

import math

import numpy as np
import pytest
from edgemed_native import delta_kernels as kernels
from edgemed_native import (
    divergence_kernels,
    exp_log,
    masks,
    philox,
    rank_kernels,
    select_kernels,
    subspace_kernels,
    sum_kernels,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import delta_kernels as twins
from tests.oracles import methods as oracle

LENGTHS = (1, 63, 511, 512, 513, 1500)
F32 = np.float32


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, F32)


def same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("models", [1, 2, 5])
def test_differences_and_elections(models, n):
    x = numbers(1 + models, n)
    d = x.copy()
    kernels.subtract_base(d)
    same_bits(d[1:], x[1:] - x[0])
    same_bits(d[0], x[0])
    weights = numbers(models, seed=1)
    for normalize in (False, True):
        found = d.copy()
        kernels.elect(found, weights, weights, normalize, F32(0.7))
        same_bits(found[0], twins.elect(d, weights, weights, normalize, F32(0.7)))
    found = d.copy()
    kernels.add_agreed(found, weights, F32(0.6))
    same_bits(found[0], twins.add_agreed(d, weights, F32(0.6)))


@pytest.mark.parametrize("n", LENGTHS)
def test_variances_and_changes_of_one_or_several(n):
    d = numbers(4, n)
    d[1:] *= np.random.default_rng(2).random((3, n)) < 0.4
    out, found = np.empty(n, F32), d.copy()
    kernels.variance(d, out)
    same_bits(out, twins.variance(d - d[0]))
    for before in (0, n // 3, n):
        found = d.copy()
        kernels.keep_varied(found, before, F32(0.4), F32(0.6))
        least = np.where(np.arange(n) < before, F32(0.4), F32(0.6))
        same_bits(found, np.concatenate([d[:1], (d[1:] - d[0]) * (out >= least).astype(F32)]))
    factors = np.array([1.0, 1.1, 1.2], F32)
    expected = twins.unique_and_shared(d, F32(1e-3), factors)
    counts = np.zeros((3, 2), np.int64)
    kernels.count_changes(d, F32(1e-3), counts)
    changed = np.abs(d[1:]) > 1e-3
    alone = changed & (changed.sum(axis=0) == 1)
    assert counts.tolist() == [
        [int(a.sum()), int((c & ~a).sum())] for a, c in zip(alone, changed, strict=True)
    ]
    kernels.unique_and_shared(d, F32(1e-3), factors)
    same_bits(d[0], expected)


@pytest.mark.parametrize("n", LENGTHS)
def test_swaps_of_near_elements_and_bands(n):
    a, b = numbers(n), numbers(n, seed=1)
    b[::3] = a[::3]
    found = a.copy()
    kernels.near_swap(found, b, F32(0.3))
    same_bits(found, twins.near_swap(a, b, F32(0.3)))
    low, high = F32(0.2).view(np.uint32), F32(1.5).view(np.uint32)
    found = a.copy()
    kernels.keep_between(found, low, high, F32(2.0))
    kept = (np.abs(a) >= F32(0.2)) & (np.abs(a) <= F32(1.5))
    same_bits(found, a * np.where(kept, F32(2.0), F32(0.0)))


KNOWN = {
    (0, 0, 0): (0x257A3673, 0xCD26BE2A),
    (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF): (0xAB302C4D, 0x3DC9D239),
    (0x243F6A88, 0x85A308D3, 0x13198A2E): (0xBEDBBE6B, 0xE4C770B3),
}
"""Known answers of Philox 2x32-7, as in the Random123 library's kat_vectors."""


@pytest.mark.parametrize("counter", KNOWN)
def test_philox_gives_the_known_answers(counter):
    low, high, key = (np.uint32(word) for word in counter)
    assert tuple(int(word) for word in philox.philox(low, high, key)) == KNOWN[counter]
    assert oracle.philox(*counter) == KNOWN[counter]


def test_the_twin_of_philox_gives_the_known_answer_of_ten_rounds():
    assert oracle.philox(0, 0, 0, rounds=10) == (0xFF1DAE59, 0x6CD10DF2)


@settings(max_examples=30, deadline=None)
@given(
    first=st.integers(0, 2**40),
    n=st.integers(1, 700),
    key=st.integers(0, 2**32 - 1),
    cut=st.integers(0, 700),
)
def test_masks_depend_on_the_absolute_index_alone(first, n, key, cut):
    limit, d = 30_000, np.ones(n, F32)
    kernels.keep_random(d, np.uint64(first), np.uint32(key), np.uint32(limit), F32(1.0))
    assert [int(v) for v in d] == [
        int(oracle.random_number(first + i, key) < limit) for i in range(n)
    ]
    cut = min(cut, n)
    again = np.ones(n, F32)
    for start, end in ((0, cut), (cut, n)):
        piece = again[start:end]
        kernels.keep_random(
            piece, np.uint64(first + start), np.uint32(key), np.uint32(limit), F32(1)
        )
    np.testing.assert_array_equal(again, d)


def test_a_mask_keeps_its_share_and_two_models_masks_are_independent():
    masks = []
    for key in (1, 2):
        d = np.ones(1 << 20, F32)
        kernels.keep_random(d, np.uint64(0), np.uint32(key), np.uint32(20_000), F32(1.0))
        masks.append(d)
    share = 20_000 / 65_536
    for mask in masks:
        assert abs(mask.mean() - share) < 5 * np.sqrt(share * (1 - share) / mask.size)
    assert abs((masks[0] * masks[1]).mean() - share**2) < 5 * share / np.sqrt(masks[0].size)


def test_magnitudes_are_counted_as_the_mask_would_keep_them():
    d = numbers(1000)
    partials = np.zeros((2, 256))
    kernels.add_kept_magnitudes(d, np.uint64(77), np.uint32(5), np.uint32(25_000), partials)
    kept = d.copy()
    kernels.keep_random(kept, np.uint64(77), np.uint32(5), np.uint32(25_000), F32(1.0))
    found = partials.sum(axis=1)
    expected = [np.abs(v.astype(np.float64)).sum() for v in (d, kept)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_ranks_count_equal_magnitudes_by_column():
    d = np.array([[3, -1, 1, 0, -3, 2]], F32)
    chance = oracle.rank_probabilities(d.astype(np.float64), 0.5, 0.4)
    mask = oracle.random_mask(d.shape, 9, chance)
    rank_kernels.keep_by_rank(d, np.uint64(0), np.uint32(9), 0.5, 0.4, F32(1.0))
    np.testing.assert_array_equal(d != 0, mask & (d != 0))
    np.testing.assert_allclose(chance[0], 0.1 + 0.16 * np.array([4, 1, 2, 0, 5, 3]))


@pytest.mark.parametrize("kind", ["noise", "coarse", "mostly zero", "spread", "equal"])
def test_elements_are_kept_by_rank_whatever_their_magnitudes(kind):
    rng = np.random.default_rng(1)
    d = {
        "noise": numbers(5, 3000),
        "coarse": rng.integers(-9, 9, (5, 700)).astype(F32),
        "mostly zero": numbers(5, 700) * (rng.random((5, 700)) < 0.2).astype(F32),
        "spread": (numbers(5, 700).astype(np.float64) * 2.0 ** rng.integers(-140, 120, (5, 700))),
        "equal": np.full((5, 700), -2.5, F32),
    }[kind].astype(F32)
    chance = oracle.rank_probabilities(d.astype(np.float64), 0.5, 0.4)
    limits, kept = np.floor(chance * 65_536 + 0.5), d.copy()
    rank_kernels.keep_by_rank(kept, np.uint64(100), np.uint32(9), 0.5, 0.4, F32(2.0))
    drawn = [oracle.random_number(100 + i, 9) for i in range(d.size)]
    mask = np.array(drawn).reshape(d.shape) < limits
    same_bits(kept, d * np.where(mask, F32(2.0), F32(0.0)))


@pytest.mark.parametrize("n", LENGTHS)
def test_sums_are_exact_to_float64_and_do_not_depend_on_chunks(n):
    x = numbers(3, 9, n)
    exact = x.astype(np.float64)
    whole, pieces = np.zeros((3, 3)), np.zeros((3, 3))
    sum_kernels.add_gram(x, whole)
    for first, end in ((0, 2), (2, 9)):
        sum_kernels.add_gram(np.ascontiguousarray(x[:, first:end]), pieces)
    np.testing.assert_array_equal(whole, pieces)
    flat = exact.reshape(3, -1)
    np.testing.assert_allclose(whole, flat @ flat.T, rtol=1e-12, atol=1e-12 * n)
    totals = np.zeros(3)
    sum_kernels.add_magnitudes(x, totals)
    np.testing.assert_allclose(totals, np.abs(flat).sum(axis=1), rtol=1e-13)
    totals = np.zeros(3)
    sum_kernels.add_squares(x, totals)
    np.testing.assert_allclose(totals, (flat**2).sum(axis=1), rtol=1e-13)
    columns = np.zeros((3, n))
    sum_kernels.add_column_gram(x, columns)
    expected = [(exact[i] * exact[j]).sum(axis=0) for i, j in ((0, 0), (0, 1), (1, 1))]
    np.testing.assert_allclose(columns, expected, rtol=1e-12, atol=1e-12)


def test_counts_by_bits():
    values = np.concatenate([numbers(5000), [0.0, -0.0, np.inf, 1e-45]]).astype(F32)
    bits = values.view(np.uint32) & 0x7FFFFFFF
    bins = np.zeros(select_kernels.BINS, np.int64)
    select_kernels.count_bins(values, bins)
    np.testing.assert_array_equal(bins, np.bincount(bits >> 15, minlength=select_kernels.BINS))
    start = int(F32(0.5).view(np.uint32))
    window = np.zeros(4 << select_kernels.LOW_BITS, np.int64)
    below = select_kernels.count_window(values, np.uint32(start), window)
    assert below == int((bits < start).sum())
    inside = bits[(bits >= start) & (bits < start + window.size)] - start
    np.testing.assert_array_equal(window, np.bincount(inside, minlength=window.size))
    assert len(inside) > 20
    for room in (len(inside) + 5, 7):
        found, where = np.zeros(room, np.uint32), (np.uint32(start), np.uint32(window.size))
        first = select_kernels.collect_window(values[:100], *where, found, 0)
        second = select_kernels.collect_window(values[100:], *where, found, first[1])
        assert (first[0] + second[0], second[1]) == (below, len(inside))
        np.testing.assert_array_equal(found[: len(inside)], (inside + start)[:room])


def test_sixteen_comparisons_are_the_same_without_the_compiler():
    values = numbers(16) * F32(1e30)
    values[3:6] = [0.0, np.nan, -np.inf]
    bits = np.sort(values.view(np.uint32) & 0x7FFFFFFF)
    window = np.zeros(int(bits[9] - bits[4]) + 1, np.int8)
    for start in (bits[4], bits[4] + 1, np.uint32(0)):
        word = int(masks._window_in_python(values, 0, start, np.uint32(window.size)))
        window[:] = 0
        assert select_kernels.count_window(values, np.uint32(start), window) == word >> 16
        assert window.sum() == (word & 0xFFFF).bit_count()
    assert [masks._lowest_in_python(word) for word in (1, 6, 0x8000)] == [0, 1, 15]


def test_bases_become_orthonormal_and_dependent_rows_zero():
    basis = np.random.default_rng(0).standard_normal((6, 150))
    basis[4] = basis[1] - 2 * basis[0]
    subspace_kernels.orthonormalize(basis)
    expected = np.eye(6)
    expected[4, 4] = 0.0
    np.testing.assert_allclose(basis @ basis.T, expected, atol=1e-12)


def test_jacobi_finds_eigenvectors():
    a = np.random.default_rng(0).standard_normal((8, 8))
    products = a @ a.T
    values, vectors, found = np.sort(np.linalg.eigvalsh(products)), np.eye(8), products.copy()
    subspace_kernels.rotate_to_eigenvectors(found, vectors)
    np.testing.assert_allclose(np.sort(np.diag(found)), values, rtol=1e-10)
    np.testing.assert_allclose(vectors @ products @ vectors.T, np.diag(np.diag(found)), atol=1e-9)


@pytest.mark.parametrize(("rows", "n"), [(7, 40), (4, 64), (1, 15), (9, 200)])
def test_what_is_removed_is_what_lies_in_the_space(rows, n):
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((n, 6)))[0]
    space = np.ascontiguousarray(basis.T, F32)
    d, removed = numbers(rows, n), np.zeros(1)
    inside = d.astype(np.float64) @ basis
    expected = d - inside @ basis.T
    subspace_kernels.remove_row_space(d, space, removed)
    np.testing.assert_allclose(d, expected, atol=2e-6)
    assert removed[0] == pytest.approx((inside**2).sum(), rel=1e-5)


@pytest.mark.parametrize(("rows", "n"), [(7, 40), (4, 64), (1, 15), (9, 200)])
def test_a_basis_is_applied_whatever_rows_come_together(rows, n):
    d, basis = numbers(rows, n), numbers(6, n, seed=1)
    whole, pieces = np.zeros((6, n), F32), np.zeros((6, n), F32)
    subspace_kernels.add_row_space(d, basis, whole)
    for row in range(rows):
        subspace_kernels.add_row_space(d[row : row + 1], basis, pieces)
    same_bits(pieces, whole)
    exact = d.astype(np.float64)
    expected = basis.astype(np.float64) @ exact.T @ exact
    np.testing.assert_allclose(whole, expected, atol=1e-5 * np.abs(expected).max())


@settings(deadline=None)  # the first call compiles
@given(st.floats(-708, 708))
def test_exp_agrees_with_the_c_library(x):
    assert exp_log.exponential(x) == pytest.approx(math.exp(x), rel=5e-16)


@settings(deadline=None)
@given(st.floats(1e-300, 1e300))
def test_log_agrees_with_the_c_library(x):
    assert exp_log.logarithm(x) == pytest.approx(math.log(x), rel=5e-16, abs=2e-16)


@pytest.mark.parametrize("n", LENGTHS)
def test_divergence_of_rows(n):
    x = numbers(2, 5, n)
    out = np.empty(5, F32)
    divergence_kernels.row_divergence(x, out)
    q, p = oracle.softmax(x.astype(np.float64)) + 1e-8
    np.testing.assert_allclose(out, (p * np.log(p / q)).sum(axis=-1), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_divergence_of_what_is_no_number_is_none(value):
    x = numbers(2, 1, 64)
    x[1, 0, 7] = value
    out = np.empty(1, F32)
    divergence_kernels.row_divergence(x, out)
    assert value == -np.inf or not np.isfinite(out).all()
