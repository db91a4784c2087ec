"""`edgemed instructions report FILE`: what is in a file of tasks, as tables and bars or as JSON."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgemed.cli.options.numbers import positive
from edgemed.cli.terminal.bars import bar
from edgemed.cli.terminal.printing import print_json
from edgemed.cli.terminal.tables import show
from edgemed.instructions import contamination, likeness
from edgemed.instructions.answered import STRATA, Answered, read_answered
from edgemed.instructions.contamination import Contamination, read_texts
from edgemed.instructions.report import Report, card_beside, report
from edgemed.printable import printable
from edgemed.tables import Table

WIDTH = 30  # characters of a bar
SHOWN = 12  # values of a label in the printed form; --json has all
PLACES = 8  # tasks named in the printed form


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed instructions report`."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="tasks: JSON Lines or a JSON list, also Alpaca's")
    add(
        "--test-set",
        type=Path,
        metavar="TESTSET",
        help="find sentences that occur in this test set: JSON, JSON Lines, CSV or plain text",
    )
    add("--top", type=positive, default=SHOWN, metavar="N", help=f"how many values of each label "
        f"are shown (default: {SHOWN})")  # fmt: skip
    add("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    likeness.require()
    tasks = read_answered(args.file)
    found = report(tasks)
    against = None
    if args.test_set:
        against = contamination.contamination(tasks, read_texts(args.test_set))
    card = card_beside(args.file)
    if args.json:
        print_json(as_data(found, against, card))
    else:
        show(list(tables(found, card, args.top)))
        for line in (*alone(against, tasks, args.test_set), *verdict(found)):
            print(line)
    return 0


def as_data(
    found: Report, against: Contamination | None, card: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The report as JSON."""
    return {
        **asdict(found),
        "lengths": {name: length._asdict() for name, length in found.lengths.items()},
        "contamination": None if against is None else asdict(against),
        "made": card,
    }


def tables(found: Report, card: Mapping[str, Any] | None, top: int) -> Iterator[Table]:
    """The figures, one table after the other."""
    if card is not None:
        tries = card["tries"]
        yield counts("tries of the run", tries, sum(tries.values()), len(tries))
    yield Table(
        ("tasks", ">number", ">share"),
        [
            row("all", found.tasks, found.tasks),
            row("with an input", found.with_input, found.tasks),
            row("same text as an earlier one", found.same, found.tasks),
            row("instruction too like an earlier one", found.alike, found.tasks),
        ],
    )
    for name in STRATA:
        if found.strata[name]:
            yield counts(name, found.strata[name], found.tasks, top)
    yield Table(
        ("words", ">texts", ">10 %", ">median", ">90 %", ">most"),
        [
            (name, f"{n:,}", f"{low:,}", f"{median:,}", f"{high:,}", f"{most:,}")
            for name, (n, median, low, high, most) in found.lengths.items()
        ],
    )
    yield Table(
        ("words of the answer", ">number", ""),
        [(span, f"{n:,}", scaled(n, found.answers)) for span, n in spans(found.answers)],
    )
    yield Table(
        ("signs of a poor task", ">number", ">share"),
        [row(name, times, found.tasks) for name, times in found.signs.items()],
    )


def row(name: str, count: int, of: int) -> tuple[str, str, str]:
    """A count and its share."""
    return name, f"{count:,}", f"{count / of:.0%}"


def counts(title: str, values: Mapping[str, int], of: int, top: int) -> Table:
    """How often each value occurs, with a bar for each; what is left out is one row."""
    shown = list(values.items())[:top]
    rows = [(*row(value, n, of), scaled(n, values)) for value, n in shown]
    if len(values) > top:
        rest = sum(values.values()) - sum(n for _, n in shown)
        others = f"({len(values) - top:,} more)"
        rows.append((*row(others, rest, of), ""))
    return Table((title, ">number", ">share", ""), rows)


def scaled(count: int, values: Mapping[Any, int]) -> str:
    """A bar that is full for the largest of the values."""
    return bar(count / max(1, *values.values()), WIDTH)


def spans(answers: Mapping[int, int]) -> Iterator[tuple[str, int]]:
    """The steps as ranges of words: `5 to 9`."""
    starts = list(answers)
    for step, after in zip(starts, [*starts[1:], None], strict=True):
        yield (f"{step} to {after - 1}" if after else f"{step} or more"), answers[step]


def alone(
    against: Contamination | None, tasks: Sequence[Answered], path: Path | None
) -> Iterator[str]:
    """Which tasks hold sentences of the test set; the tasks are named by their rows."""
    if against is None:
        return
    held = [tasks[n].place for n in against.tasks]
    yield ""
    yield (
        f"against {printable(str(path))} ({against.texts:,} texts): "
        f"{sum(against.found.values()):,} of {against.compared:,} sentences of "
        f"{contamination.LEAST} words or more occur there, in {len(held):,} tasks"
    )
    for name, times in against.found.items():
        if times:
            yield f"  in the {name}: {times:,}"
    for place in held[:PLACES]:
        yield f"  {printable(place)}"
    if len(held) > PLACES:
        yield f"  and {len(held) - PLACES:,} more tasks; --json has all"


def verdict(found: Report) -> Iterator[str]:
    """How many tasks are free of signs."""
    share = found.clean / found.tasks
    yield ""
    yield (
        f"{found.clean:,} of {found.tasks:,} tasks ({share:.0%}) have none of these signs and are "
        "unlike the others. That does not say that their answers are right: read them before use."
    )
