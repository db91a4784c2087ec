"""What `edgemed sweep --tasks` prints: the choice, and on the test splits what was kept."""

from collections.abc import Iterator, Sequence
from math import isinf
from statistics import mean

from edgemed.amounts import amount
from edgemed.evals.intervals import FEW, Interval
from edgemed.evals.sweeping.choosing import KEPT, RULE
from edgemed.evals.sweeping.floors import FLOORS
from edgemed.evals.sweeping.report import Retained, beside_parents, rows_beside
from edgemed.evals.sweeping.task_sweep import ENDS, Swept, TaskSweep, curve_rows
from edgemed.tables import Table

WIDTH = 20  # characters of a bar


def on_surprise(plan: TaskSweep, swept: Swept) -> Iterator[str]:
    """How the parents read plain English."""
    if swept.surprise is not None:
        a, b = swept.surprise
        yield (
            f"perplexity on plain English: {a:.1f} ({plan.way.a.name}), {b:.1f} ({plan.way.b.name})"
        )


def choice_table(plan: TaskSweep, swept: Swept) -> Table:
    """A row per t of the last round: the deciding measures, and the lowest share of an axis."""
    rows = curve_rows(plan, swept)
    names = list(rows[0]["axes"])
    choice = swept.choice
    lines = []
    for row in rows:
        kept = min(choice.kept[row["t"]].values()) if choice else 0.0
        cells = [spread(Interval(*(row["axes"][n][k] for k in ("mean", "low", "high"))))
                 for n in names]  # fmt: skip
        bar = "█" * round(WIDTH * max(0.0, min(1.0, kept)))
        mark = " *" if choice and choice.t == row["t"] else ""
        lines.append((f"{row['t']:g}{mark}", *cells, f"{100 * kept:.0f} %", bar))
    items = ", ".join(f"{n} of {task}" for task, n in swept.rounds[-1].items.items())
    titles = (f"t, development ({items})", *(f">{name}" for name in names), ">kept", "least kept")
    return Table(titles, lines)


def spread(figure: Interval) -> str:
    """A figure with its interval, times 100."""
    value, low, high = (f"{100 * n:.1f}" for n in figure)
    return f"{value} ({low} to {high})"


def on_choice(plan: TaskSweep, swept: Swept) -> Iterator[str]:
    """The choice in words."""
    choice = swept.choice
    if choice is None:
        yield "t is not chosen: no point is above the floor of any task of an axis that counts"
        yield "take more items (--limit), or other tasks of that axis"
        return
    yield f"chosen: t = {choice.t:g}, {RULE} ({choice.axis}: {choice.share:.0%})"
    if choice.like:
        yield (
            "undecided: these items cannot tell it apart from t = "
            f"{', '.join(f'{t:g}' for t in choice.like)}"
        )
    for task in choice.silent:
        yield f"{task}: no point is above the floor, so this task is ignored when choosing t"
    lost = {s.test.axis for s in plan.sections if s.development} - set(choice.kept[choice.t])
    if lost:
        yield f"t was chosen without the axis {' and '.join(sorted(lost))}: take more items"
    if choice.t in ENDS:
        yield "a parent was chosen: no merge keeps more of both axes"
    if swept.stopped:
        yield f"the time for choosing is over: {swept.stopped}"


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
    """The rows beside on each task's deciding measure, next to the chosen merge."""
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
            t: mean([outcome.scores["words"][0] for outcome in by_task[task]])
            for t, by_task in sorted(swept.tests.items())
            if "words" in by_task[task][0].scores
        }
        if means:
            each = ", ".join(f"{words:.0f} at t = {t:g}" for t, words in means.items())
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
