"""The points of a sweep on tasks: each is merged, asked, and deleted after its items.

Every point is the file that `edgemed merge` would write at its t. Every point has a file of
results for each task, in the form of `edgemed eval`, so a sweep that was stopped continues where it
was. The file of a point is named by what it is made from; a point with known results is not merged.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgemed_native._jit import DIGEST as SOURCES_DIGEST

from edgemed.evals.evaluate import Examinee, evaluate, identity_of, refuse_early
from edgemed.evals.examining import Outcome
from edgemed.evals.results import known_results
from edgemed.evals.shots import suffix_of
from edgemed.evals.sweeping import point as points
from edgemed.evals.sweeping.broken import Surprise, perplexity_of, refuse_broken
from edgemed.evals.sweeping.budget import Clock
from edgemed.evals.sweeping.point import At, ByRecipe
from edgemed.evals.sweeping.scores import remove
from edgemed.evals.sweeping.sweep import Exam, Listener, identity_of_way, merge_at
from edgemed.evals.sweeping.task_sweep import ENDS, TaskSweep
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.storage.sha256 import sha256_of
from edgemed.storage.whole import in_words, private_folder, write_whole

SECONDS = "seconds.json"


class Points:
    """Makes the points of a plan and asks them."""

    def __init__(self, plan: TaskSweep, clock: Clock, listener: Listener, merged: Path) -> None:
        self.plan, self.clock, self.listener, self.merged = plan, clock, listener, merged
        longest = max(section.test.max_tokens for section in plan.sections)
        self.exam = Exam((), longest, plan.options)
        self.origin = identity_of_way(plan.way)
        self.checked = False
        self.digest_of = digests()

    def point(self, t: At) -> Examinee:
        """The merge at `t` or the file of a recipe, known by what it is made from."""
        if isinstance(t, ByRecipe):
            return Examinee(self.merged, self.plan.options, ((t.name, self.digest_of(t)),))
        made = json.dumps([self.origin, t, SOURCES_DIGEST], sort_keys=True)
        name = f"{self.plan.way.method} t={t:g}"
        return Examinee(
            self.merged, self.plan.options, ((name, hashlib.sha256(made.encode()).hexdigest()),)
        )

    def file(self, t: At, task: Task) -> Path:
        """The results of a task at `t`."""
        row = t.folder if isinstance(t, ByRecipe) else f"{self.plan.way.method}-{t:g}"
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
        """The merge at `t`, or what a recipe makes, as a file while the block runs."""
        with self.clock.merging():
            if isinstance(t, ByRecipe):
                self.listener.at_work(t.name, "merging")
                points.make(t, self.merged, self.plan.options, self.listener.note)
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
            where = t.name if isinstance(t, ByRecipe) else t
            self.listener.at_work(where, f"{task.name}: {done} of {len(items)}")

        return evaluate(self.point(t), task, items, self.file(t, task), tell)

    def refuse_unfit(self, t: At) -> None:
        """Refuse, before the first question, an item of any split that does not fit."""
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


def digests() -> Callable[[ByRecipe], str]:
    """What identifies a recipe's file; no file is hashed twice."""
    hashed = functools.cache(sha256_of)
    return functools.cache(lambda row: points.digest_of(row, hashed))


def remember(clock: Clock, path: Path) -> None:
    """Keep what was measured, for a sweep that is continued."""
    told = json.dumps({"merges": clock.merges, "items": clock.items})
    with in_words(path):
        write_whole(path, told.encode())


def recall(clock: Clock, path: Path) -> None:
    """Take what an earlier run measured; a file in another form is ignored."""
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
