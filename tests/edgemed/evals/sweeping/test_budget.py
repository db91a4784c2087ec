"""How a sweep divides its time: rounds, halves, and forecasts by what was measured."""

import pytest

from edgemed.evals.sweeping import budget
from edgemed.evals.sweeping.budget import Clock, better_half, rounds_for, seconds_of


@pytest.mark.parametrize(
    ("merges", "items", "rounds"),
    [
        (9, 100, [7, 13, 25, 50, 100]),
        (3, 10, [5, 10]),
        (9, 8, [8]),
        (1, 50, [50]),
        (4, 20, [5, 10, 20]),
    ],
)
def test_rounds_double_the_items_up_to_all(merges: int, items: int, rounds: list[int]) -> None:
    assert rounds_for(merges, items, True) == rounds
    assert rounds_for(merges, items, False) == [items]


def test_the_better_half_stays_and_of_equals_the_lowest_t() -> None:
    assert better_half({0.1: 0.5, 0.2: 0.9, 0.3: 0.7}) == [0.2, 0.3]
    assert better_half({0.9: 0.5, 0.2: 0.5, 0.4: 0.1, 0.5: 0.1}) == [0.2, 0.9]
    assert better_half({0.4: 0.0}) == [0.4]


def test_a_forecast_is_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    clock = Clock(1000.0, began=0.0)
    assert clock.forecast(3, {"a": 5}) == 0.0
    with clock.merging():
        now[0] += 10
    with clock.asking("a", 4):
        now[0] += 20
    with clock.asking("a", 0):
        now[0] += 4  # loading a model for nothing new counts too
    assert clock.forecast(3, {"a": 5, "never asked": 9}) == 3 * 10 + 5 * 6
    assert (clock.spent, clock.left, clock.left_of(0.5), clock.left_of(0.25)) == (34, 966, 466, 216)


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("600", 600)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "2x", "-1h", "0", "0m", "1m2h", "nan", "1e3"])
def test_what_is_no_time_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):
        seconds_of(text)
