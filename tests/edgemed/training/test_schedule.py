"""Order, batches and rates of a run: from the seed alone, every example once an epoch."""

from itertools import pairwise

import pytest

from edgemed.training.schedule import RunSettings, batches, rate_at, split, steps


def test_the_split_is_seeded_and_leaves_nothing_out() -> None:
    learned, held = split(50, 0.1, 3)
    assert len(held) == 5 and sorted((*learned, *held)) == list(range(50))
    assert split(50, 0.1, 3) == (learned, held) != split(50, 0.1, 4)


@pytest.mark.parametrize("count, share, held", [(1, 0.1, 0), (2, 0.1, 1), (9, 0.0, 0), (3, 0.9, 2)])
def test_small_numbers_are_split_as_far_as_they_go(count: int, share: float, held: int) -> None:
    learned, apart = split(count, share, 0)
    assert len(apart) == held and len(learned) == count - held


def test_batches_hold_no_more_tokens_than_asked_but_one_long_example() -> None:
    lengths = [4, 4, 4, 20, 1]
    assert batches(range(5), lengths, 8) == [(0, 1), (2,), (3,), (4,)]
    assert batches((), lengths, 8) == []


def test_every_epoch_has_every_example_once_in_an_order_of_its_own() -> None:
    lengths = [3] * 20
    found, looks = steps(range(20), lengths, RunSettings(epochs=2, batch_tokens=9))
    half = len(found) // 2
    first, second = ([n for batch in part for n in batch] for part in (found[:half], found[half:]))
    assert sorted(first) == sorted(second) == list(range(20)) and first != second
    assert looks == {4, 7, 11, 14}
    assert steps(range(20), lengths, RunSettings(epochs=2, batch_tokens=9))[0] == found
    assert steps(range(20), lengths, RunSettings(epochs=2, batch_tokens=9, seed=1))[0] != found


def test_the_rate_rises_then_falls() -> None:
    rates = [rate_at(step, 100, 2.0) for step in range(100)]
    assert rates[0] == pytest.approx(0.4) and max(rates) == rates[4] == rates[5] == 2.0
    assert all(a > b for a, b in pairwise(rates[5:])) and 0 < rates[-1] < 0.01
    assert rate_at(0, 1, 2.0) == 2.0
