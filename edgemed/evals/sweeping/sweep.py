"""A sweep: merges of two models at several t, each one asked the user's own cases.

Every point is the file that `edgemed merge` would write at its t; it is deleted after its cases.
The scores are written after every point, so a sweep that was stopped resumes after the last one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from edgemed_models.engine.settings import EngineSettings
from edgemed_models.machine import logical_cores
from edgemed_native._jit import DIGEST as SOURCES_DIGEST

from edgemed import __version__
from edgemed.adapters.naming import Parent
from edgemed.adapters.running import recorded
from edgemed.errors import EdgemedError, Refused
from edgemed.evals.asking import examined, planned_settings
from edgemed.evals.cases import SweepCase, digest_of
from edgemed.evals.sweeping.scores import (
    Examined,
    Identity,
    held,
    known_points,
    remove,
    write_points,
)
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options, plan_model
from edgemed.merging.parents.opening import open_parent, open_parents
from edgemed.merging.plan.metadata import FILE_TYPE
from edgemed.merging.plan.plan import Plan, plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.run.progress import Progress
from edgemed.merging.run.run import run_plan
from edgemed.quantizing.file_types import FILE_TYPES
from edgemed.storage.sha256 import sha256_of

NAMES = {kind.number: name for name, kind in FILE_TYPES.items()}
LOADED = ("context", "gpu_layers", "kv_type", "repack", "batch")
"""Settings that all points of a sweep must share, because some change what a model writes."""


class Listener(Protocol):
    """Listens to a sweep's progress."""

    def at_work(self, t: float | str, what: str) -> None:
        """What is being done at the moment, at `t` or for the point of that name."""

    def note(self, text: str) -> None:
        """A note on the merges, or why one starts slowly."""


class Silent:
    """A listener that shows nothing."""

    def at_work(self, t: float | str, what: str) -> None:
        """Does nothing."""

    def note(self, text: str) -> None:
        """Does nothing."""


@dataclass(frozen=True, slots=True)
class Way:
    """From model `a` (t = 0) to model `b` (t = 1).

    `changes` are other fields of the merge's recipe; `options` are the same as options of
    `edgemed merge`.
    """

    a: Parent
    b: Parent
    method: str = "linear"
    changes: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exam:
    """What every point is asked, and how it is loaded."""

    cases: Sequence[SweepCase]
    max_tokens: int
    options: Options


def sweep(
    way: Way, ts: Sequence[float], exam: Exam, out: Path, listener: Listener
) -> Iterator[Examined]:
    """The points at `ts` in order, as they are measured; those in `out` are not measured again.

    Raises Refused before any work if a merge cannot be made or run, or if `out` holds something
    else; EdgemedError after a point that could not be written to `out`.
    """
    identity = identity_of(way, exam)
    with held(out) as merged:
        known = {point.t: point for point in known_points(out, identity)}
        missing = [t for t in ts if t not in known]
        for note in refuse_early(way, missing, exam, merged):
            listener.note(note)
        settings: EngineSettings | None = None
        for t in ts:
            if t in missing:
                merge_at(way, t, exam, merged, listener)
                settings = settings or settled(merged, exam, list(known.values()))
                known[t] = asked(t, settings, exam, listener)
                remove(merged)
                try:
                    write_points(out, [known[n] for n in sorted(known)], way.method, identity)
                except EdgemedError:
                    yield known[t]  # it took minutes: show it although it was not saved
                    raise
            yield known[t]


def refuse_early(way: Way, ts: Sequence[float], exam: Exam, merged: Path) -> list[str]:
    """Refuse what headers show to be impossible, before the first merge; returns the notes."""
    notes = dict.fromkeys(note for t in ts for note in planned(way, t, exam, merged).notes)
    if ts:
        plan_model(open_parent(way.a), exam.options, exam.max_tokens)
    return list(notes)


def planned(way: Way, t: float, exam: Exam, merged: Path) -> Plan:
    """The plan of the merge at `t`, from headers only."""
    recipe = between(way.a, way.b, t, way.method, **way.changes)
    return plan_merge(recipe, merged, exam.options.threads or logical_cores(), None)


def merge_at(way: Way, t: float, exam: Exam, merged: Path, listener: Listener) -> None:
    """Write the merge at `t`."""

    def report(done: Progress) -> None:
        if done.compiling:
            listener.note(f"compiling {done.compiling}, once")

    listener.at_work(t, "merging")
    run_plan(planned(way, t, exam, merged), report)


def settled(merged: Path, exam: Exam, known: Sequence[Examined]) -> EngineSettings:
    """How to load this and all later points; Refused if earlier ones were loaded differently."""
    settings = planned_settings(merged, exam.cases, exam.options, exam.max_tokens)
    loaded = loaded_with(settings)
    for name in LOADED:
        before = {point.loaded.get(name) for point in known}
        if known and before != {loaded[name]}:
            raise Refused(
                f"the earlier points were loaded with a different {name.replace('_', ' ')}",
                "free memory has changed since then: give the same value as an option, or name "
                "another file",
            )
    return settings


def loaded_with(settings: EngineSettings) -> dict[str, Any]:
    """The settings of LOADED."""
    return {name: value for name, value in asdict(settings).items() if name in LOADED}


def asked(t: float, settings: EngineSettings, exam: Exam, listener: Listener) -> Examined:
    """The merged file's scores."""

    def tell(done: int) -> None:
        at_once = f", {settings.sequences} at once" if settings.sequences > 1 else ""
        listener.at_work(t, f"{done} of {len(exam.cases)} answers{at_once}")

    worths, cut = examined(settings, exam.cases, exam.max_tokens, tell)
    number = open_model(Path(settings.path)).metadata.get(FILE_TYPE, -1)
    kind = NAMES.get(int(number), "mixed types")
    return Examined(t, kind, worths, cut, loaded_with(settings))


def identity_of_way(way: Way) -> Identity:
    """What the merges are made from."""
    models = open_parents((way.a, way.b))
    paths = [path for model in models for path in model.files]
    strengths = [laid.strength for model in models for laid in model.adapters]
    return {
        "models": [[path.name, sha256_of(path)] for path in paths],
        "method": way.method,
        "options of the merge": {name: str(value) for name, value in way.changes.items()},
        **({"strengths": strengths} if strengths else {}),
    }


def identity_of(way: Way, exam: Exam) -> Identity:
    """What two points must have in common to be in one sweep."""
    given = asdict(replace(exam.options, threads=None))
    del given["at_once"]  # changes rounding alone
    adapters = given.pop("adapters")
    beside = [recorded(Path(path), strength) for path, strength in adapters]
    return {
        **identity_of_way(way),
        "options of loading": {name: str(value) for name, value in given.items()},
        **({"adapters": beside} if beside else {}),
        "cases": digest_of(exam.cases),
        "max tokens": exam.max_tokens,
        "edgemed": f"{__version__} {SOURCES_DIGEST}",
        "llama-cpp-python": version("llama-cpp-python"),
    }
