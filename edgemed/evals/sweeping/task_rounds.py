"""A sweep on tasks, run: t is chosen on development splits in rounds, and tested on test splits."""

from collections.abc import Iterator, Mapping, Sequence

from edgemed.errors import Refused
from edgemed.evals.examining import Outcome
from edgemed.evals.sweeping import beside
from edgemed.evals.sweeping.beside import Beside
from edgemed.evals.sweeping.budget import Clock, better_half, rounds_for
from edgemed.evals.sweeping.choosing import Column, choose
from edgemed.evals.sweeping.floors import floor_of
from edgemed.evals.sweeping.points import SECONDS, Points, recall
from edgemed.evals.sweeping.scores import held
from edgemed.evals.sweeping.sweep import Listener
from edgemed.evals.sweeping.sweep import refuse_early as refuse_merges
from edgemed.evals.sweeping.task_sweep import ENDS, Round, Swept, TaskSweep, choosing
from edgemed.evals.tasks.items import Item, sampled
from edgemed.evals.tasks.task import Task
from edgemed.storage.whole import private_folder


def sweep_tasks(plan: TaskSweep, clock: Clock, listener: Listener) -> Iterator[Swept]:
    """What is found, whenever there is more of it: after the check of the parents, after each
    round, after the test. Raises Refused for what cannot be done; all results so far are kept."""
    private_folder(plan.folder)
    with held(plan.folder / "sweep") as merged:
        recall(clock, plan.folder / SECONDS)
        points = Points(plan, clock, listener, merged)
        notes = refuse_merges(plan.way, plan.ts, points.exam, merged)
        for row in plan.beside:
            notes += beside.planned(row, merged, plan.options).notes
        for note in dict.fromkeys(notes):
            listener.note(note)
        swept = Swept(surprise=points.surprise())
        yield swept
        for part in rounds_of(points, swept):
            swept.rounds.append(part)
            yield swept
        if swept.choice is not None:
            test(points, swept, swept.choice.t)
            yield swept


def some(plan: TaskSweep, task: Task, items: Sequence[Item], count: int) -> list[Item]:
    """`count` of the items, the same ones for every point; fewer are part of more."""
    return sampled(items, task.name, plan.seed, count)


def rounds_of(points: Points, swept: Swept) -> Iterator[Round]:
    """The rounds, until one t is left, all items are answered, or the time for choosing is over."""
    plan, tasks = points.plan, choosing(points.plan)
    left = [t for t in plan.ts if t not in ENDS]
    halved = points.clock.budget is not None
    steps = {task.name: rounds_for(len(left), len(items), halved) for task, items in tasks}
    for n in range(max(map(len, steps.values()))):
        sizes = {name: counts[min(n, len(counts) - 1)] for name, counts in steps.items()}
        wanted = [(task, some(plan, task, items, sizes[task.name])) for task, items in tasks]
        ends = [t for t in ENDS if t in plan.ts]
        for t in ends:
            swept.answers[t] = points.asked(t, wanted)
        if not fits(points, left, wanted, swept):
            return
        for t in left:
            swept.answers[t] = points.asked(t, wanted)
        ts = tuple(sorted({*left, *ends}))
        choice = choose(columns_of(swept.answers, ts, wanted))
        yield Round(sizes, ts, choice)
        if choice is None:
            return
        left = better_half({t: min(choice.kept[t].values()) for t in left}) if halved else left


def fits(
    points: Points,
    left: Sequence[float],
    wanted: Sequence[tuple[Task, Sequence[Item]]],
    swept: Swept,
) -> bool:
    """Whether the merges that are left can answer a round in the time for choosing. Refused if not
    even the first round fits."""
    lacking = [{task.name: points.lacking(t, task, items) for task, items in wanted} for t in left]
    merges = sum(any(one.values()) for one in lacking)
    items = {task.name: sum(one[task.name] for one in lacking) for task, _ in wanted}
    need = points.clock.forecast(merges, items)
    if need <= points.clock.left_to_choose:
        return True
    if not swept.rounds:
        least = 2 * (points.clock.spent + need)
        raise Refused(
            f"the budget is too small: by the time of the parents, the first round of {len(left)} "
            f"merges takes {need / 60:.0f} min",
            f"allow {least / 60 + 1:.0f} minutes in all, fewer items or fewer values of t; "
            "what was measured is kept",
        )
    swept.stopped = f"the next round would take {need / 60:.0f} min"
    return False


def columns_of(
    answers: Mapping[float, Mapping[str, Sequence[Outcome]]],
    ts: Sequence[float],
    wanted: Sequence[tuple[Task, Sequence[Item]]],
) -> list[Column]:
    """The deciding measure of every task at these t, with its floor."""
    found = []
    for task, items in wanted:
        measure = task.table["decides"]
        points = {t: [o.scores[measure] for o in answers[t][task.name]] for t in ts}
        found.append(Column(task.name, task.axis, measure, points, floor_of(task, items, measure)))
    return found


def test(points: Points, swept: Swept, chosen: float) -> None:
    """Ask the parents and the chosen merge the test splits, as many items as the time allows."""
    plan = points.plan
    ts = [t for t in dict.fromkeys((*ENDS, chosen)) if t in plan.ts]
    rows = rows_beside(plan, chosen)
    most = max(len(section.test_items) for section in plan.sections)
    count = most if points.clock.budget is None else affordable(points, most, len(ts) + len(rows))
    wanted = [
        (section.test, some(plan, section.test, section.test_items, count))
        for section in plan.sections
    ]
    swept.test_items = {task.name: list(items) for task, items in wanted}
    for t in ts:
        swept.tests[t] = points.asked(t, wanted)
    for row in rows:
        swept.beside[row.name] = points.asked(row, wanted)


def rows_beside(plan: TaskSweep, chosen: float) -> list[Beside]:
    """What is tested beside the parents and the chosen merge, the change by chance last. There is
    none where a parent was chosen."""
    if plan.control is None or chosen in ENDS:
        return list(plan.beside)
    way, out = plan.way, plan.folder / f"control-{plan.control}.gguf"
    threads = plan.options.threads
    return [*plan.beside, beside.control(way.a, way.b, chosen, plan.control, out, threads)]


def affordable(points: Points, most: int, asked: int) -> int:
    """The most items of every task that `asked` points can answer in the time that is left."""
    sizes = {s.test.name: len(s.test_items) for s in points.plan.sections}
    for count in range(most, 0, -1):
        items = {name: asked * min(count, size) for name, size in sizes.items()}
        if points.clock.forecast(asked, items) <= points.clock.left:
            return count
    raise Refused(
        "the budget is used up before the test",
        "run the command again: what was measured is kept, with the budget counted from then",
    )
