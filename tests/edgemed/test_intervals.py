"""Bootstrap intervals: as wide as theory has them, the same each time, paired where cases are."""

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemed.evals.intervals import mean_of, ratio_of

WORTHS = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_an_interval_of_yes_and_no_is_as_wide_as_the_normal_approximation() -> None:
    found = mean_of([0.0, 1.0] * 100)
    assert found.value == 0.5
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * sqrt(0.25 / 200), rel=0.1)


def test_a_ratio_on_the_same_cases_is_told_more_sharply_than_either_mean() -> None:
    theirs = [n / 100 for n in range(1, 101)]
    ratio = ratio_of([0.9 * worth for worth in theirs], theirs)
    assert ratio is not None
    assert ratio == pytest.approx((0.9, 0.9, 0.9))


def test_of_nothing_there_is_no_ratio() -> None:
    assert ratio_of([0.5, 1.0], [0.0, 0.0]) is None


@given(WORTHS)
def test_the_figure_is_inside_and_the_same_each_time(worths: list[float]) -> None:
    found = mean_of(worths)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found == mean_of(worths)
