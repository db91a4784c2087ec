"""What `edgemed sweep --tasks` prints: the choice, and on the test splits what was kept."""

from collections.abc import Iterator, Sequence
from math import isinf
from statistics import mean

from edgemed.amounts import amount
from edgemed.evals.intervals import FEW, Interval
from edgemed.evals.sweeping.choosing import KEPT, RULE, ChosenPoint
from edgemed.evals.sweeping.floors import FLOORS
from edgemed.evals.sweeping.point import At, ByRecipe, in_order, label, said
from edgemed.evals.sweeping.report import Retained, beside_parents, rows_beside
from edgemed.evals.sweeping.task_sweep import ENDS, Swept, TaskSweep, point_rows
from edgemed.tables import Table

WIDTH = 20  # characters of a bar
MOST_RECIPES = 8  # lines of the table


def on_surprise(plan: TaskSweep, swept: Swept) -> Iterator[str]:
    """The parents' perplexity on plain English."""
    if swept.surprise is not None:
        a, b = swept.surprise
        yield (
            f"perplexity on plain English: {a:.1f} ({plan.way.a.name}), {b:.1f} ({plan.way.b.name})"
        )


def choice_table(plan: TaskSweep, swept: Swept) -> Table:
    """A row per point of the last round: the deciding measures, and the lowest share of an axis."""
    rows = dict(point_rows(plan, swept))
    names = list(next(iter(rows.values())))
    choice = swept.choice
    shown = in_order(rows) if choice is None else worth_showing(choice)
    lines = []
    for point in shown:
        kept = choice.worth(point)[0] if choice else 0.0
        cells = [spread(Interval(*(rows[point][n][k] for k in ("mean", "low", "high"))))
                 for n in names]  # fmt: skip
        bar = "█" * round(WIDTH * max(0.0, min(1.0, kept)))
        mark = " *" if choice and choice.point == point else ""
        lines.append((f"{label(point)}{mark}", *cells, f"{100 * kept:.0f} %", bar))
    items = ", ".join(f"{n} of {task}" for task, n in swept.rounds[-1].items.items())
    titles = (
        f"{'t' if rows.keys() <= set(plan.ts) else 'point'}, development ({items})",
        *(f">{name}" for name in names),
        ">kept",
        "least kept",
    )
    return Table(titles, lines)


def worth_showing(choice: ChosenPoint) -> list[At]:
    """Every t, and of the recipes the best ones."""
    recipes = [point for point in choice.kept if isinstance(point, ByRecipe)]
    best = sorted(recipes, key=choice.worth, reverse=True)[:MOST_RECIPES]
    return in_order(point for point in choice.kept if point in best or point not in recipes)


def spread(figure: Interval) -> str:
    """A figure with its interval, times 100."""
    value, low, high = (f"{100 * n:.1f}" for n in figure)
    return f"{value} ({low} to {high})"


def on_choice(plan: TaskSweep, swept: Swept) -> Iterator[str]:
    """The choice in words."""
    choice = swept.choice
    if choice is None:
        yield "nothing is chosen: on a required axis no point is above the floor of any task"
        yield "take more items (--limit), or other tasks of that axis"
        return
    yield f"chosen: {said(choice.point)}, {RULE} ({choice.axis}: {choice.share:.0%})"
    if choice.like:
        yield f"undecided: these items cannot tell it apart from {alike(choice.like)}"
    for task in choice.silent:
        yield f"{task}: no point is above the floor, so this task is ignored when choosing"
    lost = {s.test.axis for s in plan.sections if s.development} - set(choice.kept[choice.point])
    if lost:
        which = " and ".join(sorted(lost))
        yield f"{said(choice.point)} was chosen without the axis {which}: take more items"
    if choice.point in ENDS:
        yield "a parent was chosen: no merge keeps more of both axes"
    if swept.stopped:
        yield f"the time for choosing is over: {swept.stopped}"


def alike(points: Sequence[At]) -> str:
    """Points in a line: every t, and how many others."""
    ts = [label(point) for point in points if not isinstance(point, ByRecipe)]
    others = len(points) - len(ts)
    told = [f"t = {', '.join(ts)}"] if ts else []
    return " and ".join([*told, *([amount(others, "recipe")] if others else [])])


def test_table(rows: Sequence[Retained]) -> Table:
    """What the chosen merge keeps on the test splits."""
    lines = [
        (
            f"{row.task.name}, {row.task.split.name}",
            row.measure,
            str(row.items),
            f"{100 * row.kept.floor:.1f}",
            f"{100 * row.kept.parent:.1f}",
            f"{100 * row.kept.ours:.1f}",
            share(row.kept.share),
            row.verdict,
        )
        for row in rows
    ]
    head = (
        "test",
        "measure",
        ">items",
        ">floor",
        ">better parent",
        ">merge",
        ">kept, %",
        "verdict",
    )
    return Table(head, lines)


def beside_table(plan: TaskSweep, swept: Swept) -> Table | None:
    """The rows tested beside the chosen merge, on each task's deciding measure."""
    decides = {s.test.name: s.test.table["decides"] for s in plan.sections}
    lines = [
        (
            row["row"],
            row["task"],
            row["measure"],
            f"{100 * row['value']:.1f}",
            f"{100 * row['merge']:.1f}",
            f"{100 * row['difference']:+.1f}",
            f"{row['p_corrected']:.4f}",
        )
        for row in rows_beside(plan, swept)
        if row["measure"] == decides[row["task"]]
    ]
    head = ("beside", "task", "measure", ">its value", ">merge", ">difference", ">p, corrected")
    return Table(head, lines) if lines else None


def lengths(swept: Swept) -> Iterator[str]:
    """How long the answers are, by t."""
    for task in swept.test_items:
        means = {
            point: mean([o.scores["words"][0] for o in swept.tests[point][task]])
            for point in in_order(swept.tests)
            if "words" in swept.tests[point][task][0].scores
        }
        if means:
            each = ", ".join(f"{words:.0f} at {said(point)}" for point, words in means.items())
            yield f"{task}: words per answer: {each}"


def share(found: Interval | None) -> str:
    """A share with its interval, in percent."""
    if found is None:
        return "-"
    upper = "any" if isinf(found.high) else f"{100 * found.high:.0f}"
    return f"{100 * found.value:.0f} ({100 * found.low:.0f} to {upper})"


def on_test(plan: TaskSweep, swept: Swept, rows: Sequence[Retained]) -> Iterator[str]:
    """What the test says, and how little it may prove."""
    for row in rows:
        if row.kept.alarm:
            yield (
                f"{row.task.name}: {100 * (row.kept.share or Interval(0, 0, 0)).value:.0f} % is "
                f"kept, less than {KEPT:.0%}"
            )
    yield from lengths(swept)
    beside = beside_parents(swept)
    if beside:
        real = sum(row["differs"] for row in beside)
        yield (
            f"{real} of {len(beside)} measures differ from a parent by more than chance (paired "
            "permutation tests, Holm's correction over all, p under 0.05)"
        )
    kinds = dict.fromkeys(FLOORS[row.task.kind] for row in rows)
    if kinds:
        yield f"floors: {', '.join(kinds)}; kept = (merge - floor) / (better parent - floor)"
    for row in rows:
        if row.items < FEW:
            yield f"{row.task.name}: only {amount(row.items, 'item')}; intervals may be too narrow"
