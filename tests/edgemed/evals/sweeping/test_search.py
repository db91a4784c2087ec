"""A search over t by group: its points, what it remembers, and what a sweep makes of it."""

import socket
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgemed.errors import EdgemedError
from edgemed.evals.sweeping import point as rows
from edgemed.evals.sweeping import search as searching
from edgemed.evals.sweeping import task_rounds
from edgemed.evals.sweeping.budget import Clock
from edgemed.evals.sweeping.page import page
from edgemed.evals.sweeping.point import ByRecipe, row_of
from edgemed.evals.sweeping.report import as_data, retained, rows_beside
from edgemed.evals.sweeping.search import Search, point_of, schedule_of
from edgemed.evals.sweeping.sweep import Silent, Way
from edgemed.evals.sweeping.task_rounds import sweep_tasks
from edgemed.evals.sweeping.task_sweep import TaskSweep, curve_rows
from edgemed.local_models.loading import Options
from edgemed.merging.recipe.settings import Setting, at_depth, rules
from tests.edgemed.evals.sweeping.test_task_sweep import TS, WAY, World, last, plan, world

__all__ = ["plan", "world"]  # fixtures

BEST = np.array([0.1, 0.2, 0.9, 0.8, 0.5])
MERGES = 16


def searched(generations: int, seed: int = 1) -> list[tuple[float, ...]]:
    """The points of a search for BEST."""
    search, every = Search(0.5, seed), []
    for _ in range(generations):
        points = search.ask()
        every += points
        search.tell([(-float(np.abs(np.array(point) - BEST).max()),) for point in points])
    return every


def distance(points: list[tuple[float, ...]]) -> float:
    return float(np.mean([np.abs(np.array(point) - BEST).max() for point in points]))


def test_it_nears_the_best_and_the_same_seed_asks_the_same() -> None:
    found = searched(20)
    assert distance(found[-8:]) < 0.15 < 0.3 < distance(found[:8])
    assert all(0 <= n <= 1 and round(n, 3) == n for point in found for n in point)
    assert searched(6) == found[:48] and searched(1, 2) != found[:8]


def test_equals_are_told_as_equals() -> None:
    """Nothing is learned of points that are all worth the same but where they were."""
    search, reverse = Search(0.5, 1), Search(0.5, 1)
    points = search.ask()
    assert reverse.ask() == points
    search.tell([(0.5, 0.7)] * len(points))
    reverse.tell([(0.1, 0.9)] * len(points))
    assert search.ask() == reverse.ask()


def test_the_library_opens_nothing_and_draws_from_numbers_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searching.require()  # what is imported is read

    def refuse(*given: object, **more: object) -> None:
        raise AssertionError(given)

    for where, name in (("builtins", "open"), ("os", "open"), ("io", "open")):
        monkeypatch.setattr(f"{where}.{name}", refuse)
    monkeypatch.setattr(socket, "socket", refuse)
    before = np.random.get_state()[1].tolist()
    searched(3)
    assert np.random.get_state()[1].tolist() == before


def test_where_the_library_is_missing_one_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(EdgemedError, match="cmaes is not installed") as refused:
        searching.require()
    assert refused.value.hint == "pip install 'edgemed[search]'"


@pytest.fixture
def wide(plan: TaskSweep, world: World, monkeypatch: pytest.MonkeyPatch) -> TaskSweep:
    """A sweep with a search. In these models attention writes, and feed-forward keeps the form."""

    def fake(row: ByRecipe, merged: Path, options: Options, note: object) -> None:
        assert row.t is not None
        parts = [at_depth(rule.value, 0.5) for rule in rules(row.t)]
        merged.write_text(f"{parts[0]} {parts[1]}", "utf-8")
        world.now += 1

    monkeypatch.setattr(rows, "make", fake)
    return replace(plan, search=MERGES)


def test_a_search_finds_what_no_single_t_has(
    wide: TaskSweep, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise: list[object] = []

    def fake(way: Way, t: Setting, seed: int, out: Path, threads: int) -> ByRecipe:
        noise.extend((t, seed, out.name))
        return replace(point_of(WAY, [0.5] * 5), name="change by chance")

    monkeypatch.setattr(task_rounds, "control", fake)
    wide = replace(wide, control=7)
    found = last(sweep_tasks(wide, Clock(None, 0.0), Silent()))
    first, *later = found.rounds
    assert not first.searched and len(later) == MERGES / 8 and all(r.searched for r in later)
    assert first.choice is not None and found.choice is not None
    assert isinstance(found.choice.point, ByRecipe)
    assert found.choice.share > first.choice.share + 0.05
    attention, feed_forward, _ = (at_depth(r.value, 0.5) for r in rules(found.choice.point.t or 0))
    assert float(attention) < 0.5 < float(feed_forward)
    assert found.rounds[-1].points[: len(TS)] == TS
    single = f"t = {first.choice.point:g}"
    assert set(found.tests) == {0.0, 1.0, found.choice.point}
    assert {row["row"] for row in rows_beside(wide, found)} == {single, "change by chance"}
    assert noise == [found.choice.point.t, 7, f"control-7-{found.choice.point.folder}.gguf"]
    assert len(retained(wide, found)) == 2
    assert [row["t"] for row in curve_rows(wide, found)] == list(TS)
    text = page(as_data(wide, found, Clock(None, 0.0), "made <so>"), "again")
    assert f"{found.choice.point.name} *" in text and text.count("<svg") == 2


def test_a_search_that_was_stopped_goes_on_and_asks_nothing_twice(
    wide: TaskSweep, world: World
) -> None:
    some = sweep_tasks(wide, Clock(None, 0.0), Silent())
    stopped = [next(some) for _ in range(3)][-1]  # the parents, a round, a generation
    assert sum(part.searched for part in stopped.rounds) == 1
    some.close()
    half = len(world.asked)
    whole = last(sweep_tasks(wide, Clock(None, 0.0), Silent()))
    assert len(world.asked) == half + 2 * 24 * (MERGES - 8 + 4)
    count = len(world.asked)
    again = last(sweep_tasks(wide, Clock(None, 0.0), Silent()))
    assert len(world.asked) == count
    assert (again.choice, again.tests) == (whole.choice, whole.tests)


def test_of_the_budget_a_quarter_is_for_the_rounds_and_a_quarter_for_the_search(
    wide: TaskSweep, world: World
) -> None:
    clock = Clock(3500, 0.0)
    found = last(sweep_tasks(wide, clock, Silent()))
    generations = [part for part in found.rounds if part.searched]
    assert 0 < len(generations) < MERGES / 8 and "would take" in found.stopped
    assert world.now <= 3500 and found.tests


def test_the_last_generation_is_cut_at_the_number_of_merges(wide: TaskSweep, world: World) -> None:
    found = last(sweep_tasks(replace(wide, search=10), Clock(None, 0.0), Silent()))
    assert [len(part.points) for part in found.rounds] == [5, 5 + 8, 5 + 10]


def test_without_a_choice_there_is_nothing_to_search_by(
    wide: TaskSweep, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "answer", lambda *_: ["no"])
    found = last(sweep_tasks(wide, Clock(None, 0.0), Silent()))
    assert found.choice is None and len(found.rounds) == 1


def test_recipes_and_models_may_be_chosen_like_a_t(
    plan: TaskSweep, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake(row: ByRecipe, merged: Path, options: Options, note: object) -> None:
        merged.write_text("0.0 1.0", "utf-8")  # it writes and keeps the form
        world.now += 1

    monkeypatch.setattr(rows, "make", fake)
    better = row_of(str(WAY.b))
    more = replace(plan, ts=(0.0, 0.5, 1.0), among=(better,), control=1)
    found = last(sweep_tasks(more, Clock(5000, 0.0), Silent()))
    assert found.choice is not None and found.choice.point == better
    assert found.choice.share == 1 and set(found.beside) == {"t = 0.5"}  # no change by chance


def test_a_point_is_the_merge_that_its_name_says(tmp_path: Path) -> None:
    values = [0.125, 0.25, 0.5, 1.0, 0.0]
    found = point_of(Way(WAY.a, WAY.b, "slerp", {"out_type": "Q8_0"}), values)
    assert found.name == "attn 0.125-0.25 ffn 0.5-1 rest 0"
    assert (found.recipe.method, found.recipe.out_type) == ("slerp", "Q8_0")
    assert dict(found.recipe.parameters) == {"t": schedule_of(values)} == {"t": found.t}
