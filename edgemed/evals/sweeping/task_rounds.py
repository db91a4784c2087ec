"""Runs a sweep on tasks: chooses a point on development splits in rounds, then tests it."""

from collections.abc import Iterator, Mapping, Sequence

from edgemed.errors import Refused
from edgemed.evals.examining import Outcome
from edgemed.evals.sweeping.beside import control
from edgemed.evals.sweeping.budget import HALF, Clock, better_half, rounds_for
from edgemed.evals.sweeping.choosing import ChosenPoint, TaskCounts, choose
from edgemed.evals.sweeping.examples import examples
from edgemed.evals.sweeping.floors import floor_of
from edgemed.evals.sweeping.point import At, ByRecipe, in_order, said
from edgemed.evals.sweeping.point import planned as planned_recipe
from edgemed.evals.sweeping.points import SECONDS, Points, recall
from edgemed.evals.sweeping.scores import held
from edgemed.evals.sweeping.search import Search, point_of
from edgemed.evals.sweeping.sweep import Listener
from edgemed.evals.sweeping.sweep import refuse_early as refuse_merges
from edgemed.evals.sweeping.task_sweep import ENDS, Round, Swept, TaskSweep, choosing
from edgemed.evals.tasks.items import Item, sampled
from edgemed.evals.tasks.task import Task
from edgemed.storage.whole import private_folder

Wanted = Sequence[tuple[Task, Sequence[Item]]]
"""Tasks with the items that a round asks of each."""


def sweep_tasks(plan: TaskSweep, clock: Clock, listener: Listener) -> Iterator[Swept]:
    """The findings so far, after the check of the parents, after each round and after the test.
    Raises Refused for what cannot be done; all results so far are kept."""
    private_folder(plan.folder)
    with held(plan.folder / "sweep") as merged:
        recall(clock, plan.folder / SECONDS)
        points = Points(plan, clock, listener, merged)
        notes = refuse_merges(plan.way, plan.ts, points.exam, merged)
        for row in (*plan.beside, *plan.among, *first_of_search(plan)):
            notes += planned_recipe(row, merged, plan.options).notes
        for note in dict.fromkeys(notes):
            listener.note(note)
        swept = Swept(surprise=points.surprise())
        yield swept
        for part in rounds_of(points, swept):
            swept.rounds.append(part)
            yield swept
        for part in search_rounds(points, swept):
            swept.rounds.append(part)
            yield swept
        if swept.choice is not None:
            test(points, swept, swept.choice)
            yield swept


def first_of_search(plan: TaskSweep) -> list[ByRecipe]:
    """A point like those of a search, to see from headers that they can be made."""
    return [point_of(plan.way, [0.4, 0.6, 0.4, 0.6, 0.5])] if plan.search else []


def some(plan: TaskSweep, task: Task, items: Sequence[Item], count: int) -> list[Item]:
    """`count` of the items, the same ones for every point; a larger count includes a smaller."""
    return sampled(items, task.name, plan.seed, count)


def wanted_of(plan: TaskSweep, sizes: Mapping[str, int]) -> Wanted:
    """The tasks that choose, each with so many of its items."""
    return [(task, some(plan, task, items, sizes[task.name])) for task, items in choosing(plan)]


def rounds_of(points: Points, swept: Swept) -> Iterator[Round]:
    """The rounds, until one merge is left, all items are answered, or their time is over."""
    plan = points.plan
    left: list[At] = [*(t for t in plan.ts if t not in ENDS), *plan.among]
    ends = [t for t in ENDS if t in plan.ts]
    halved = points.clock.budget is not None
    steps = {task.name: rounds_for(len(left), len(items), halved) for task, items in choosing(plan)}
    for n in range(max(map(len, steps.values()))):
        sizes = {name: counts[min(n, len(counts) - 1)] for name, counts in steps.items()}
        wanted = wanted_of(plan, sizes)
        for t in ends:
            swept.answers[t] = points.asked(t, wanted)
        if not fits(points, left, wanted, swept, HALF / 2 if plan.search else HALF):
            return
        for point in left:
            swept.answers[point] = points.asked(point, wanted)
        every = tuple(in_order([*left, *ends]))
        choice = choose(columns_of(swept.answers, every, wanted))
        yield Round(sizes, every, choice)
        if choice is None:
            return
        left = better_half({p: choice.worth(p)[0] for p in left}) if halved else left


def search_rounds(points: Points, swept: Swept) -> Iterator[Round]:
    """The generations of a search around the best single t, on the items of the last round, until
    so many merges are asked or the time for choosing is over."""
    plan = points.plan
    if not plan.search or swept.choice is None:
        return
    single = best_single(swept.rounds)
    start = 0.5 if single is None else single
    sizes, every = swept.rounds[-1].items, swept.rounds[-1].points
    wanted, search = wanted_of(plan, sizes), Search(start, plan.seed)
    for asked in range(0, plan.search, search.size):
        drawn = [point_of(plan.way, values) for values in search.ask()]
        new = drawn[: plan.search - asked]
        if not fits(points, list(dict.fromkeys(new)), wanted, swept, HALF):
            return
        for point in new:
            swept.answers[point] = points.asked(point, wanted)
        every = tuple(in_order([*every, *new]))
        choice = choose(columns_of(swept.answers, every, wanted))
        yield Round(sizes, every, choice, True)
        if choice is None or len(new) < len(drawn):
            return
        search.tell([choice.worth(point) for point in drawn])


def best_single(rounds: Sequence[Round]) -> float | None:
    """The best t between the parents, by the last round that had one; None if none had."""
    for choice in (part.choice for part in reversed(rounds)):
        kept = choice.kept if choice is not None else {}
        ts = [p for p in kept if not isinstance(p, ByRecipe) and p not in ENDS]
        if choice is not None and ts:
            return max(ts, key=lambda t: (choice.worth(t), -t))
    return None


def fits(points: Points, left: Sequence[At], wanted: Wanted, swept: Swept, share: float) -> bool:
    """Whether these merges can answer a round in their share of the budget. Refused if not even
    the first round fits."""
    lacking = [{task.name: points.lacking(t, task, items) for task, items in wanted} for t in left]
    merges = sum(any(one.values()) for one in lacking)
    items = {task.name: sum(one[task.name] for one in lacking) for task, _ in wanted}
    need = points.clock.forecast(merges, items)
    if need <= points.clock.left_of(share):
        return True
    if not swept.rounds:
        least = (points.clock.spent + need) / share
        raise Refused(
            f"the budget is too small: by the time that the parents took, the first round of "
            f"{len(left)} merges takes {need / 60:.0f} min",
            f"allow {least / 60 + 1:.0f} minutes in all, fewer items or fewer values of t; "
            "what was measured is kept",
        )
    swept.stopped = f"the next {len(left)} merges would take {need / 60:.0f} min"
    return False


def columns_of(
    answers: Mapping[At, Mapping[str, Sequence[Outcome]]], points: Sequence[At], wanted: Wanted
) -> list[TaskCounts]:
    """The deciding measure of every task at these points, with its floor."""
    found = []
    for task, items in wanted:
        measure = task.table["decides"]
        counts = {p: [o.scores[measure] for o in answers[p][task.name]] for p in points}
        found.append(
            TaskCounts(task.name, task.axis, measure, counts, floor_of(task, items, measure))
        )
    return found


def test(points: Points, swept: Swept, choice: ChosenPoint) -> None:
    """Ask the parents and the chosen merge the test splits, as many items as the time allows."""
    plan = points.plan
    ends = [t for t in ENDS if t in plan.ts]
    tested = in_order([*ends, choice.point])
    rows = rows_beside(points, swept, choice.point)
    most = max(len(section.test_items) for section in plan.sections)
    asked = len(tested) + len(rows)
    count = most if points.clock.budget is None else affordable(points, most, asked)
    wanted = [
        (section.test, some(plan, section.test, section.test_items, count))
        for section in plan.sections
    ]
    swept.test_items = {task.name: list(items) for task, items in wanted}
    for point in tested:
        swept.tests[point] = points.asked(point, wanted)
    for name, row in rows.items():
        swept.beside[name] = points.asked(row, wanted)
    if plan.examples:
        every = {said(point): point for point in tested} | rows
        swept.examples = examples(points, every, swept.test_items, plan.examples)


def rows_beside(points: Points, swept: Swept, chosen: At) -> dict[str, At]:
    """What is tested beside the parents and the chosen merge, by name: the best single t where
    another merge was chosen, the user's rows, and a random change."""
    plan, rows = points.plan, dict[str, At]()
    single = best_single(swept.rounds)
    if isinstance(chosen, ByRecipe) and single is not None:
        rows[said(single)] = single
    rows |= {row.name: row for row in plan.beside}
    noise = by_chance(points, chosen)
    return rows | ({noise.name: noise} if noise else {})


def by_chance(points: Points, chosen: At) -> ByRecipe | None:
    """The random change, where it was asked for and a merge of the parents was chosen."""
    plan = points.plan
    t = chosen.t if isinstance(chosen, ByRecipe) else chosen
    if plan.control is None or t in ENDS:
        return None
    if t is None:
        points.listener.note(
            f"no random change is tested: {said(chosen)} is a recipe, which does not say how "
            "much it takes from the first model"
        )
        return None
    of_point = f"-{chosen.folder}" if isinstance(chosen, ByRecipe) else ""
    out = plan.folder / f"control-{plan.control}{of_point}.gguf"
    return control(plan.way, t, plan.control, out, plan.options.threads)


def affordable(points: Points, most: int, asked: int) -> int:
    """The most items of every task that `asked` points can answer in the time that is left."""
    sizes = {s.test.name: len(s.test_items) for s in points.plan.sections}
    for count in range(most, 0, -1):
        items = {name: asked * min(count, size) for name, size in sizes.items()}
        if points.clock.forecast(asked, items) <= points.clock.left:
            return count
    raise Refused(
        "the budget is used up before the test",
        "run the command again: what was measured is kept, and the budget starts again",
    )
