"""One model on one task: every item asked once, results kept as they come.

A run that was stopped continues where it was: items in the file of results are not asked again. A
larger sample includes the smaller ones, so more items can be added to a run later.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from edgemed_models.engine.settings import EngineSettings
from edgemed_models.reading import Reader

from edgemed import __version__
from edgemed.errors import Refused
from edgemed.evals.asking import settings_holding
from edgemed.evals.examining import READING, Outcome, asked_together, prompts
from edgemed.evals.results import (
    Identity,
    Results,
    held,
    known_results,
    rules_of,
    write_results,
)
from edgemed.evals.scoring import LIBRARIES
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task
from edgemed.evals.texts import places, reading_settings
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options, start
from edgemed.storage.place import refuse_place
from edgemed.storage.sha256 import sha256_of

LOADED = ("gpu_layers", "kv_type", "repack", "batch")
"""Settings that some answers depend on, so that all items of a file share them."""
SAID = (
    *("title", "axis", "licence", "source", "note", "grouped", "split", "splits", "synthetic"),
    *("decides", "development", "pool"),
)
"""What a task's table says of the task: it changes no answer and no score."""
ENGINES = ("llama-cpp-python", "onnxruntime")
"""What computes answers, and vectors of sentences."""
SECONDS_BETWEEN_WRITES = 10.0

Tell = Callable[[int], None]
"""Is called with the number of items done."""


@dataclass(frozen=True, slots=True)
class Examinee:
    """A model file and how it is loaded. `hashes`: its files with their sha256, or whatever
    else identifies it. `parent`: the model that a divergence is measured from."""

    path: Path
    options: Options
    hashes: tuple[tuple[str, str], ...]
    parent: "Examinee | None" = None


def examinee(path: Path, options: Options) -> Examinee:
    """The model at `path`; its files are read once, to name them."""
    files = open_model(path).paths
    return Examinee(path, options, tuple((file.name, sha256_of(file)) for file in files))


def refuse_early(
    model: Examinee, task: Task, items: Sequence[Item], out: Path
) -> EngineSettings | None:
    """How to load the model for what `out` lacks; None if it lacks nothing.

    Raises Refused before any question if an item does not fit into the model's context, if `out`
    may not be written, or if it holds something else.
    """
    refuse_place(out, replace=True)
    before, found = known_results(out, identity_of(model, task), {item.key: item for item in items})
    if all(item.key in found for item in items):
        return None
    settings = planned(model, task, items)
    settled(out, settings, before)
    return settings


def evaluate(
    model: Examinee,
    task: Task,
    items: Sequence[Item],
    out: Path,
    tell: Tell = lambda done: None,
    settings: EngineSettings | None = None,
) -> list[Outcome]:
    """The outcomes of `items` in order; those in `out` are not asked again.

    `settings`: what `refuse_early` has found, so that nothing is counted twice. Raises what it
    raises; EdgemedError where the engine breaks, with all results so far in `out`.
    """
    by_key, identity = {item.key: item for item in items}, identity_of(model, task)
    with held(out):
        before, found = known_results(out, identity, by_key)
        missing = [item for item in items if item.key not in found]
        if missing:
            settings = settings or planned(model, task, items)
            identity = {**identity, **settled(out, settings, before)}
            with parent_of(model, task, items) as parent:
                examine(
                    settings,
                    task,
                    missing,
                    found,
                    ResultsWriter(out, identity, by_key, tell),
                    parent,
                )
    return [found[item.key][1] for item in items]


@dataclass(slots=True)
class ResultsWriter:
    """Writes the results from time to time, and reports progress."""

    out: Path
    identity: Identity
    items: dict[str, Item]
    tell: Tell
    written: float = 0.0

    def note(self, found: Results) -> None:
        """Another item is done."""
        self.tell(sum(key in found for key in self.items))
        if time.monotonic() - self.written > SECONDS_BETWEEN_WRITES:
            self.write(found)

    def write(self, found: Results) -> None:
        """Replace the file."""
        write_results(self.out, self.identity, self.items, found)
        self.written = time.monotonic()


@contextmanager
def parent_of(model: Examinee, task: Task, items: Sequence[Item]) -> Iterator[Reader | None]:
    """The other model of a divergence, while it is measured; None for any other task."""
    if task.kind != "diverge" or model.parent is None:
        yield None
        return
    other = start(reading_settings(model.parent.path, places(items), model.parent.options))
    try:
        yield other
    finally:
        other.close()


def examine(
    settings: EngineSettings,
    task: Task,
    items: Sequence[Item],
    found: Results,
    kept: ResultsWriter,
    parent: Reader | None = None,
) -> None:
    """Ask `items` and add them to `found`, which is written also where the work is stopped."""
    model = start(settings)
    try:
        for item, outcome in asked_together(model, task, items, parent):
            found[item.key] = item.digest, outcome
            kept.note(found)
    finally:
        model.close()
        kept.write(found)


def planned(model: Examinee, task: Task, items: Sequence[Item]) -> EngineSettings:
    """How to load the model so that every prompt of the task fits."""
    if task.kind in READING:
        return reading_settings(model.path, places(items), model.options)
    every = [prompt for item in items for prompt in prompts(task, item)]
    return settings_holding(model.path, every, model.options, [prompt.room for prompt in every])


def settled(out: Path, settings: EngineSettings, before: Identity) -> Identity:
    """The settings of this run as part of the identity; Refused if earlier items had others.

    The context may differ: a larger sample can need more, and it changes no answer.
    """
    loaded = {name: value for name, value in asdict(settings).items() if name in LOADED}
    for name, value in before.items():
        if loaded.get(name) != value:
            raise Refused(
                f"the earlier items in {out} were asked with another {name.replace('_', ' ')}",
                "free memory has changed since then: give the same value as an option, or name "
                "another folder",
            )
    return {"loaded": loaded}


def identity_of(model: Examinee, task: Task) -> Identity:
    """What two items must have in common to be in one file."""
    given = asdict(replace(model.options, threads=None))
    del given["at_once"]  # changes rounding alone
    adapters = [
        [Path(p).name, strength, sha256_of(Path(p))] for p, strength in given.pop("adapters")
    ]
    template = model.options.chat_template
    given["chat_template"] = sha256_of(template) if template else None
    decisive = {name: value for name, value in task.table.items() if name not in SAID}
    table = json.dumps(decisive, sort_keys=True)
    return {
        "task": task.name,
        "split": task.split.name,
        "questions": hashlib.sha256(table.encode()).hexdigest()[:16],
        "model": [list(pair) for pair in model.hashes],
        **({"against": parent_hashes(model)} if task.kind == "diverge" else {}),
        "adapters": adapters,
        "options of loading": {name: str(value) for name, value in given.items()},
        "edgemed": __version__,
        **rules_of(task),
        "libraries": dict(library_versions()),
    }


@cache
def library_versions() -> Mapping[str, str]:
    """The versions of what asks and scores; each is read from a file."""
    return {name: version(name) for name in (*ENGINES, *LIBRARIES.values())}


def parent_hashes(model: Examinee) -> list[list[str]]:
    """The files of the other model of a divergence, with their sha256."""
    assert model.parent is not None
    return [list(pair) for pair in model.parent.hashes]
