"""Bootstrap intervals: as wide as theory has them, the same each time, paired where cases are."""

from math import isinf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemed.evals.intervals import mean_of, ratio_of

WORTHS = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_wilsons_interval_is_the_published_one() -> None:
    low, high = mean_of([1.0] * 81 + [0.0] * 182)[1:]  # Newcombe 1998, table I: 81 of 263
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = mean_of([1.0] * 15 + [0.0] * 133)[1:]
    assert (round(low, 4), round(high, 4)) == (0.0624, 0.1605)
    assert mean_of([0.0] * 20) == pytest.approx((0, 0, 0.1611), abs=1e-4)
    assert mean_of([1.0] * 29) == pytest.approx((1, 0.8830, 1), abs=1e-4)


def test_a_bootstrap_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(5), 0
    for _ in range(300):
        found = mean_of((rng.integers(0, 11, 40) / 10).tolist())
        covered += found.low <= 0.5 <= found.high
    assert 270 <= covered <= 298


def test_a_ratio_on_the_same_cases_is_told_more_sharply_than_either_mean() -> None:
    theirs = [n / 100 for n in range(1, 101)]
    ratio = ratio_of([0.9 * worth for worth in theirs], theirs)
    assert ratio is not None
    assert ratio == pytest.approx((0.9, 0.9, 0.9))


def test_of_nothing_there_is_no_ratio() -> None:
    assert ratio_of([0.5, 1.0], [0.0, 0.0]) is None


def test_a_ratio_to_next_to_nothing_has_no_upper_bound() -> None:
    ratio = ratio_of([0.3] * 10, [1.0] + [0.0] * 9)
    assert ratio is not None and isinf(ratio.high) and ratio.value == pytest.approx(3)


@given(WORTHS)
def test_the_figure_is_inside_and_the_same_each_time(worths: list[float]) -> None:
    found = mean_of(worths)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found == mean_of(worths)
