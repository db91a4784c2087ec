"""A sweep on published tasks: t is chosen on development splits, and reported on test splits.

Every point is the file that `edgemed merge` would write at its t; it is deleted after its items.
Results are kept a file a task for every point, in the form of `edgemed eval`, so a sweep that was
stopped goes on where it was. The file of a point is named by what it is made from, so what is known
needs no merge.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_native._jit import DIGEST as SOURCES_DIGEST

from edgemed.errors import Refused, UsageError
from edgemed.evals.evaluate import Examinee, evaluate, identity_of, refuse_early
from edgemed.evals.examining import Outcome
from edgemed.evals.results import known_results
from edgemed.evals.shots import suffix_of
from edgemed.evals.sweeping import beside
from edgemed.evals.sweeping.beside import At, Beside
from edgemed.evals.sweeping.broken import Surprise, perplexity_of, refuse_broken
from edgemed.evals.sweeping.budget import Clock, better_half, rounds_for
from edgemed.evals.sweeping.choosing import CLINICAL, INSTRUCTIONS, Choice, Column, choose
from edgemed.evals.sweeping.floors import floor_of
from edgemed.evals.sweeping.scores import held, remove
from edgemed.evals.sweeping.sweep import Exam, Listener, Way, identity_of_way, merge_at
from edgemed.evals.sweeping.sweep import refuse_early as refuse_merges
from edgemed.evals.tasks.items import Item, sampled
from edgemed.evals.tasks.task import Task, read_task
from edgemed.local_models.loading import Options
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.storage.whole import in_words, private_folder, write_whole

ENDS = (0.0, 1.0)
SECONDS = "seconds.json"


class Section(NamedTuple):
    """One task of a sweep: its development split with items, if it has one, and its test split."""

    test: Task
    test_items: list[Item]
    development: Task | None
    development_items: list[Item]


@dataclass(frozen=True, slots=True)
class TaskSweep:
    """What a sweep on tasks does. `beside` is tested with the parents and the chosen merge;
    `control` is the seed of a change by chance that is tested too."""

    way: Way
    ts: tuple[float, ...]
    sections: Sequence[Section]
    options: Options
    folder: Path
    limit: int | None
    seed: int
    force_broken: bool = False
    beside: tuple[Beside, ...] = ()
    control: int | None = None


class Round(NamedTuple):
    """One round: the items of each task that every t has answered, and what came of it."""

    items: Mapping[str, int]
    ts: tuple[float, ...]
    choice: Choice | None


@dataclass(slots=True)
class Found:
    """What a sweep came to. `tests`: by t and task, the outcomes on `test_items`; `beside`: by name
    of a row, the same."""

    surprise: Surprise | None = None
    rounds: list[Round] = field(default_factory=list)
    answers: dict[float, dict[str, list[Outcome]]] = field(default_factory=dict)
    tests: dict[float, dict[str, list[Outcome]]] = field(default_factory=dict)
    test_items: dict[str, list[Item]] = field(default_factory=dict)
    beside: dict[str, dict[str, list[Outcome]]] = field(default_factory=dict)
    stopped: str = ""

    @property
    def choice(self) -> Choice | None:
        """The choice of the last round."""
        return self.rounds[-1].choice if self.rounds else None


def development_of(task: Task) -> Task | None:
    """The task with its development split; None for one that has none."""
    name = task.table.get("development")
    return read_task(f"{task.name}:{name}") if name else None


def refuse_axes(tasks: Sequence[Task], force_knowledge: bool) -> None:
    """UsageError unless t can be chosen by tasks of a clinical and of an instruction axis."""
    axes = {task.axis for task in tasks if development_of(task) is not None}
    lacking = {CLINICAL, INSTRUCTIONS} - axes
    if lacking and not (force_knowledge and axes):
        raise UsageError(
            f"t would be chosen without a task of the axis {' and '.join(sorted(lacking))}",
            "name one (`edgemed eval --list`), or choose t by the tasks named: a "
            "merge can lose its skills while multiple choice stands still",
        )


def sweep_tasks(plan: TaskSweep, clock: Clock, listener: Listener) -> Iterator[Found]:
    """What is found, whenever there is more of it: after the check of the parents, after each
    round, after the test. Raises Refused for what cannot be done; all results so far are kept."""
    private_folder(plan.folder)
    with held(plan.folder / "sweep") as merged:
        recall(clock, plan.folder / SECONDS)
        examiner = Examiner(plan, clock, listener, merged)
        notes = refuse_merges(plan.way, plan.ts, examiner.exam, merged)
        for row in plan.beside:
            notes += beside.planned(row, merged, plan.options).notes
        for note in dict.fromkeys(notes):
            listener.note(note)
        found = Found(surprise=examiner.surprise())
        yield found
        for part in rounds_of(examiner, found):
            found.rounds.append(part)
            yield found
        if found.choice is not None:
            test(examiner, found, found.choice.t)
            yield found


class Examiner:
    """Makes the points of a plan and asks them."""

    def __init__(self, plan: TaskSweep, clock: Clock, listener: Listener, merged: Path) -> None:
        self.plan, self.clock, self.listener, self.merged = plan, clock, listener, merged
        longest = max(section.test.max_tokens for section in plan.sections)
        self.exam = Exam((), longest, plan.options)
        self.origin = identity_of_way(plan.way)
        self.checked = False
        self.digests: dict[str, str] = {}

    def point(self, t: At) -> Examinee:
        """The merge at `t` or the file of a row beside, known by what it is made from."""
        if isinstance(t, Beside):
            if t.folder not in self.digests:
                self.digests[t.folder] = beside.digest_of(t)
            return Examinee(self.merged, self.plan.options, ((t.name, self.digests[t.folder]),))
        made = json.dumps([self.origin, t, SOURCES_DIGEST], sort_keys=True)
        name = f"{self.plan.way.method} t={t:g}"
        return Examinee(
            self.merged, self.plan.options, ((name, hashlib.sha256(made.encode()).hexdigest()),)
        )

    def file(self, t: At, task: Task) -> Path:
        """The results of a task at `t`."""
        row = t.folder if isinstance(t, Beside) else f"{self.plan.way.method}-{t:g}"
        folder = self.plan.folder / row
        private_folder(folder)
        return folder / f"{task.name}.{task.split.name}{suffix_of(task)}.jsonl"

    def lacking(self, t: At, task: Task, items: Sequence[Item]) -> int:
        """How many of the items are not known yet."""
        by_key = {item.key: item for item in items}
        _, found = known_results(self.file(t, task), identity_of(self.point(t), task), by_key)
        return sum(item.key not in found for item in items)

    @contextmanager
    def made(self, t: At) -> Iterator[Path]:
        """The merge at `t`, or what a row beside makes, as a file while the block runs."""
        with self.clock.merging():
            if isinstance(t, Beside):
                self.listener.at_work(t.name, "merging")
                beside.make(t, self.merged, self.plan.options, self.listener.note)
            else:
                merge_at(self.plan.way, t, self.exam, self.merged, self.listener)
        try:
            yield self.merged
        finally:
            remove(self.merged)

    def asked(
        self, t: At, wanted: Sequence[tuple[Task, Sequence[Item]]]
    ) -> dict[str, list[Outcome]]:
        """The outcomes of tasks at `t`, by task; merged only if something is not known."""
        lacking = {task.name: self.lacking(t, task, items) for task, items in wanted}
        if not any(lacking.values()):
            return {task.name: self.outcomes(t, task, items) for task, items in wanted}
        found = {}
        with self.made(t):
            self.refuse_unfit(t)
            for task, items in wanted:
                with self.clock.asking(task.name, lacking[task.name]):
                    found[task.name] = self.outcomes(t, task, items)
        remember(self.clock, self.plan.folder / SECONDS)
        return found

    def outcomes(self, t: At, task: Task, items: Sequence[Item]) -> list[Outcome]:
        """The outcomes of a task at `t`; the merged file is there if one is not known."""

        def tell(done: int) -> None:
            where = t.name if isinstance(t, Beside) else t
            self.listener.at_work(where, f"{task.name}: {done} of {len(items)}")

        return evaluate(self.point(t), task, items, self.file(t, task), tell)

    def refuse_unfit(self, t: At) -> None:
        """Refuse, before the first question of all, an item of any split that does not fit."""
        if self.checked:
            return
        for section in self.plan.sections:
            refuse_early(
                self.point(t), section.test, section.test_items, self.file(t, section.test)
            )
            if section.development is not None:
                out = self.file(t, section.development)
                refuse_early(self.point(t), section.development, section.development_items, out)
        self.checked = True

    def surprise(self) -> Surprise | None:
        """The parents' perplexity on plain English. Refused if one of them is broken."""
        if not set(ENDS) <= set(self.plan.ts) or self.known_parents():
            return None
        values = []
        for t in ENDS:
            with self.made(t) as path:
                self.listener.at_work(t, "reading plain English")
                values.append(perplexity_of(path, self.plan.options))
        found = Surprise(*values)
        if not self.plan.force_broken:
            refuse_broken(found, (self.plan.way.a.name, self.plan.way.b.name))
        return found

    def known_parents(self) -> bool:
        """Whether an earlier run has asked both parents, and so has checked them."""
        return all(
            self.file(t, section.development or section.test).exists()
            for t in ENDS
            for section in self.plan.sections
        )


def remember(clock: Clock, path: Path) -> None:
    """Keep what was measured, for a sweep that goes on."""
    told = json.dumps({"merges": clock.merges, "items": clock.items})
    with in_words(path):
        write_whole(path, told.encode())


def recall(clock: Clock, path: Path) -> None:
    """Take what an earlier run measured; a file of another form counts as none."""
    if not path.exists():
        return
    text = read_bounded(path, "seconds of a sweep")
    try:
        found = json_of(text.decode())
        merges = [float(n) for n in found["merges"]]
        items = {str(task): [float(n) for n in pair] for task, pair in found["items"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    if all(len(pair) == 2 and min(pair) >= 0 for pair in (merges, *items.values())):
        clock.merges, clock.items = merges, items


def choosing(plan: TaskSweep) -> list[tuple[Task, list[Item]]]:
    """The tasks that choose, with all their development items."""
    return [(s.development, s.development_items) for s in plan.sections if s.development]


def some(plan: TaskSweep, task: Task, items: Sequence[Item], count: int) -> list[Item]:
    """`count` of the items, the same ones for every point; fewer are part of more."""
    return sampled(items, task.name, plan.seed, count)


def rounds_of(examiner: Examiner, found: Found) -> Iterator[Round]:
    """The rounds, until one t is left, all items are answered, or the time for choosing is over."""
    plan, tasks = examiner.plan, choosing(examiner.plan)
    left = [t for t in plan.ts if t not in ENDS]
    halved = examiner.clock.budget is not None
    steps = {task.name: rounds_for(len(left), len(items), halved) for task, items in tasks}
    for n in range(max(map(len, steps.values()))):
        sizes = {name: counts[min(n, len(counts) - 1)] for name, counts in steps.items()}
        wanted = [(task, some(plan, task, items, sizes[task.name])) for task, items in tasks]
        ends = [t for t in ENDS if t in plan.ts]
        for t in ends:
            found.answers[t] = examiner.asked(t, wanted)
        if not fits(examiner, left, wanted, found):
            return
        for t in left:
            found.answers[t] = examiner.asked(t, wanted)
        ts = tuple(sorted({*left, *ends}))
        choice = choose(columns_of(found.answers, ts, wanted))
        yield Round(sizes, ts, choice)
        if choice is None:
            return
        left = better_half({t: min(choice.kept[t].values()) for t in left}) if halved else left


def fits(
    examiner: Examiner,
    left: Sequence[float],
    wanted: Sequence[tuple[Task, Sequence[Item]]],
    found: Found,
) -> bool:
    """Whether the merges that are left can answer a round in the time for choosing. Refused if not
    even the first round fits."""
    lacking = [
        {task.name: examiner.lacking(t, task, items) for task, items in wanted} for t in left
    ]
    merges = sum(any(one.values()) for one in lacking)
    items = {task.name: sum(one[task.name] for one in lacking) for task, _ in wanted}
    need = examiner.clock.forecast(merges, items)
    if need <= examiner.clock.left_to_choose:
        return True
    if not found.rounds:
        least = 2 * (examiner.clock.spent + need)
        raise Refused(
            f"the budget is too small: by the time of the parents, the first round of {len(left)} "
            f"merges takes {need / 60:.0f} min",
            f"allow {least / 60 + 1:.0f} minutes in all, fewer items or fewer values of t; "
            "what was measured is kept",
        )
    found.stopped = f"the next round would take {need / 60:.0f} min"
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


def test(examiner: Examiner, found: Found, chosen: float) -> None:
    """Ask the parents and the chosen merge the test splits, as many items as the time allows."""
    plan = examiner.plan
    ts = [t for t in dict.fromkeys((*ENDS, chosen)) if t in plan.ts]
    rows = rows_beside(plan, chosen)
    most = max(len(section.test_items) for section in plan.sections)
    count = (
        most if examiner.clock.budget is None else affordable(examiner, most, len(ts) + len(rows))
    )
    wanted = [
        (section.test, some(plan, section.test, section.test_items, count))
        for section in plan.sections
    ]
    found.test_items = {task.name: list(items) for task, items in wanted}
    for t in ts:
        found.tests[t] = examiner.asked(t, wanted)
    for row in rows:
        found.beside[row.name] = examiner.asked(row, wanted)


def rows_beside(plan: TaskSweep, chosen: float) -> list[Beside]:
    """What is tested beside the parents and the chosen merge, the change by chance last. There is
    none where a parent was chosen."""
    if plan.control is None or chosen in ENDS:
        return list(plan.beside)
    way, out = plan.way, plan.folder / f"control-{plan.control}.gguf"
    threads = plan.options.threads
    return [*plan.beside, beside.control(way.a, way.b, chosen, plan.control, out, threads)]


def affordable(examiner: Examiner, most: int, points: int) -> int:
    """The most items of every task that all points can answer in the time that is left."""
    sizes = {s.test.name: len(s.test_items) for s in examiner.plan.sections}
    for count in range(most, 0, -1):
        items = {name: points * min(count, size) for name, size in sizes.items()}
        if examiner.clock.forecast(points, items) <= examiner.clock.left:
            return count
    raise Refused(
        "the budget is used up before the test",
        "run the command again: what was measured is kept, with the budget counted from then",
    )


def curve_rows(plan: TaskSweep, found: Found) -> list[dict[str, Any]]:
    """The points of the last round as lines of a sweep file, which the screen draws."""
    from edgemed.evals.measures import measured
    from edgemed.evals.sweeping.scores import UNKNOWN_TRAINING

    rows = []
    for t in found.rounds[-1].ts if found.rounds else ():
        axes = {}
        for task, _ in choosing(plan):
            measure = task.table["decides"]
            counts = [o.scores[measure] for o in found.answers[t][task.name]]
            figure = measured(measure, counts)
            value = figure._asdict() if figure else {"value": 0.0, "low": 0.0, "high": 0.0}
            value["mean"] = value.pop("value")
            axes[f"{task.name} {measure}"[:40]] = value | {"items": len(counts)}
        rows.append(
            {"method": plan.way.method, "type": plan.way.options.get("--out-type", "like-a"),
             "t": t, "seed": UNKNOWN_TRAINING, "axes": axes}
        )  # fmt: skip
    return rows
