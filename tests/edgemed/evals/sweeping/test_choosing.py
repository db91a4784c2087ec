"""The rule of a sweep on tasks: shares above the floor, what is alike, and what is kept."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from edgemed.evals.measures import Counts
from edgemed.evals.sweeping.choosing import TaskCounts, choose, kept_of, shares_of

N = 40
TS = (0.0, 0.5, 1.0)


def rate(hits: int, count: int = N) -> list[Counts]:
    """`hits` of `count` items right."""
    return [(float(n < hits), 1.0) for n in range(count)]


def column(axis: str, hits: Sequence[int], floor: int = 0, name: str = "") -> TaskCounts:
    points = {t: rate(h) for t, h in zip(TS, hits, strict=True)}
    return TaskCounts(name or axis, axis, "letter", points, rate(floor))


def test_the_point_whose_worst_axis_keeps_most_is_chosen() -> None:
    found = choose([column("clinical", (40, 34, 10)), column("instructions", (8, 36, 40))])
    assert found is not None
    assert (found.point, found.axis, found.share) == (0.5, "clinical", 0.85)
    assert found.like == () and found.silent == ()
    assert found.kept[0.0] == {"clinical": 1.0, "instructions": 0.2}


def test_the_floor_counts_for_nothing() -> None:
    """Of 40 items 20 are right by chance: 26 against 30 is 60 % of the skill, not 87 %."""
    found = choose([column("clinical", (30, 26, 20), floor=20), column("i", (10, 40, 40))])
    assert found is not None and found.share == pytest.approx(0.6) and found.point == 0.5
    assert found.kept[1.0]["clinical"] == 0


def test_below_the_floor_nothing_is_kept_and_not_less() -> None:
    found = choose([column("clinical", (40, 36, 2), floor=30), column("i", (20, 40, 40))])
    assert found is not None and found.kept[1.0]["clinical"] == 0
    assert found.kept[0.5]["clinical"] == pytest.approx(0.6)


def test_tasks_of_an_axis_are_averaged_and_silent_ones_left_out() -> None:
    columns = [
        column("clinical", (40, 20, 10), name="one"),
        column("clinical", (20, 20, 20), name="two"),
        column("clinical", (3, 2, 1), floor=3, name="none"),
        column("instructions", (40, 40, 40)),
    ]
    found = choose(columns)
    assert found is not None and found.silent == ("none",)
    assert found.kept[0.5]["clinical"] == pytest.approx((0.5 + 1) / 2)
    assert choose([column("clinical", (3, 2, 1), floor=3)]) is None


@pytest.mark.parametrize("axis, chosen", [("instructions", False), ("knowledge", True)])
def test_no_point_is_chosen_where_nothing_is_known_of_a_skill(axis: str, chosen: bool) -> None:
    silent = column(axis, (3, 2, 1), floor=3)
    assert (choose([column("clinical", (40, 20, 10)), silent]) is not None) is chosen


def test_of_equals_the_lowest_t_is_chosen_and_the_others_are_alike() -> None:
    found = choose([column("clinical", (20, 20, 20)), column("instructions", (20, 20, 5))])
    assert found is not None and found.point == 0.0 and found.like == (0.5,)


def test_few_items_cannot_tell_points_apart() -> None:
    near = [column("clinical", (20, 21, 19)), column("instructions", (20, 20, 20))]
    found = choose(near)
    assert found is not None and found.point == 0.5 and found.like == (0.0, 1.0)


def test_items_are_resampled_in_pairs() -> None:
    """One point is right wherever the other is, and once more: always ahead, however it is drawn
    from hard and easy items; alone, the intervals of the two would overlap."""
    found = shares_of(column("clinical", (10, 20, 20)), TS)
    assert found is not None
    assert (found[:, 1] >= found[:, 0]).all() and (found[:, 1] == found[:, 2]).all()


def test_what_is_kept_is_of_the_better_parent_above_the_floor() -> None:
    kept = kept_of("letter", rate(28), rate(30), rate(15), rate(10))
    assert (kept.ours, kept.parent, kept.floor) == (0.7, 0.75, 0.25)
    assert kept.share is not None and kept.share.value == pytest.approx(0.9)
    assert not kept.alarm
    lost = kept_of("letter", rate(12), rate(5), rate(36), rate(2))
    assert lost.alarm and lost.decided and lost.share is not None and lost.share.high < 0.9
    nothing = kept_of("letter", rate(12), rate(5), rate(5), rate(8))
    assert nothing.share is None and not nothing.alarm and not nothing.decided


def test_the_interval_is_that_of_every_resampling_where_all_can_be_tried() -> None:
    """Four items, 256 samples: the ends are between those of the whole distribution's."""
    ours, parent = [1.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.5]
    kept = kept_of("rougeL", *([(v, 1.0) for v in side] for side in (ours, parent, [0.0] * 4)),
                   [(0.0, 1.0)] * 4)  # fmt: skip
    ways = [list(way) for way in product(range(4), repeat=4)]
    every = [sum(ours[n] for n in way) / sum(parent[n] for n in way) for way in ways]
    assert kept.share is not None
    for end, at in ((kept.share.low, 0.025), (kept.share.high, 0.975)):
        near = np.quantile(every, [max(0, at - 0.02), min(1, at + 0.02)], method="inverted_cdf")
        assert near[0] <= end <= near[1]
