"""A sweep: merges of two models along t, each one held against the user's own cases.

Every point is the file that `edgemed merge` would write at its t; it lives as long as it is asked.
What a point came to is written at once, so that a sweep which is stopped goes on where it was. The
file holds scores alone: no prompt and no answer.
"""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgemed_models.base import Done, Failed, ModelError, Piece, Request
from edgemed_models.engine.client import LlamaModel

from edgemed import __version__, positional
from edgemed.errors import EdgemedError, Refused
from edgemed.evals.cases import Case, digest_of
from edgemed.evals.intervals import mean_of
from edgemed.gguf import open_model
from edgemed.loading import (
    Options,
    plan_request,
    settings_for,
    start,
    started_ahead,
    translated,
)
from edgemed.merging.metadata import FILE_TYPE
from edgemed.merging.plan import Plan, plan_merge
from edgemed.merging.recipe import between
from edgemed.merging.run import run_plan, usable_cores
from edgemed.quantizing.file_types import FILE_TYPES

NAMES = {kind.number: name for name, kind in FILE_TYPES.items()}
UNKNOWN_TRAINING = 0  # a sweep of the user's models does not know their training's seed

Tell = Callable[[float, int, int], None]
"""Takes the t at work, how many of its answers are done, and how many there will be."""


@dataclass(frozen=True, slots=True)
class Way:
    """From one model to another.

    `changes` are other fields of the merge's recipe, and `options` the words for them on the
    command line of a merge.
    """

    a: Path
    b: Path
    method: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Examined:
    """One point: the worth of every answer by axis, and how many answers were cut."""

    t: float
    type: str
    worths: dict[str, list[float]]
    cut: int


def sweep(
    way: Way,
    ts: Sequence[float],
    cases: Sequence[Case],
    out: Path,
    options: Options,
    max_tokens: int,
    tell: Tell,
) -> Iterator[Examined]:
    """The points at `ts` in order, as they are done; those that `out` holds are not done again.

    Raises Refused before any work where a merge cannot be made or `out` is of another sweep.
    """
    key = key_of(way, cases, max_tokens)
    with held(out) as merged:
        known = {point.t: point for point in known_points(out, key)}
        plans = {t: planned(way, t, merged) for t in ts if t not in known}
        for t in ts:
            if t not in known:
                known[t] = made(plans[t], t, cases, options, max_tokens, tell)
                write_rows(out, [row_of(known[n], way, key) for n in sorted(known)])
            yield known[t]


@contextmanager
def held(out: Path) -> Iterator[Path]:
    """A place beside `out` for one merged file at a time, while no other sweep writes `out`.

    What a killed attempt left there is replaced by the next one.
    """
    lock, merged = (out.with_name(f".{out.stem}{ending}") for ending in (".lock", ".gguf"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Refused(
            f"cannot write in {out.parent}: {error.strerror}", "choose another place with -o"
        ) from None
    if not positional.lock(fd):
        os.close(fd)
        raise Refused(f"another sweep writes {out}", "wait for it, or name another file with -o")
    try:
        yield merged
    finally:
        os.close(fd)
        lock.unlink(missing_ok=True)


def planned(way: Way, t: float, merged: Path) -> Plan:
    """The merge at `t`, from headers alone."""
    recipe = between(way.a, way.b, t, way.method, **way.changes)
    return plan_merge(recipe, merged, usable_cores(), None, replace=True)


def made(
    plan: Plan, t: float, cases: Sequence[Case], options: Options, max_tokens: int, tell: Tell
) -> Examined:
    """Merge, examine, and take the file away."""
    tell(t, 0, len(cases))
    run_plan(plan)
    try:
        worths, cut = examined(
            plan.out, cases, options, max_tokens, lambda n: tell(t, n, len(cases))
        )
        number = open_model(plan.out).metadata.get(FILE_TYPE, -1)
        return Examined(t, NAMES.get(int(number), "mixed types"), worths, cut)
    finally:
        plan.out.unlink(missing_ok=True)


def examined(
    path: Path,
    cases: Sequence[Case],
    options: Options,
    max_tokens: int,
    tell: Callable[[int], None],
) -> tuple[dict[str, list[float]], int]:
    """The worths of a file's greedy answers by axis, and how many were cut at `max_tokens`."""
    longest = max(cases, key=lambda case: sum(len(m.content) for m in case.messages))
    worths, cut = defaultdict(list), 0
    with started_ahead() as process:
        answer = range(max_tokens, max_tokens + 1)
        try:
            plan = plan_request(path, options, longest.messages, answer, process)
        except Refused as error:
            error.message = f"{longest.where}: {error.message}"
            raise
        model = start(settings_for(path, options, plan), process)
        try:
            for number, case in enumerate(cases, 1):
                text, complete = answered(model, case, max_tokens)
                worths[case.axis].append(case.worth(text))
                cut += not complete
                tell(number)
        finally:
            model.close()
    return dict(worths), cut


def answered(model: LlamaModel, case: Case, max_tokens: int) -> tuple[str, bool]:
    """The greedy answer to a case, and whether the model came to its own end."""
    pieces, end = [], None
    try:
        for event in model.generate(Request(case.messages, max_tokens)):
            if isinstance(event, Piece):
                pieces.append(event.text)
            elif isinstance(event, Done | Failed):
                end = event
    except ModelError as error:
        raise translated(error) from None
    if isinstance(end, Failed):
        raise EdgemedError(f"{case.where}: {end.message}", end.hint)
    return "".join(pieces), end is not None and end.reason == "stop"


def key_of(way: Way, cases: Sequence[Case], max_tokens: int) -> str:
    """What two points must have in common to stand in one sweep."""
    models = [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in files_of(way)]
    changes = {name: str(value) for name, value in way.changes.items()}
    told = [models, way.method, changes, digest_of(cases), max_tokens, __version__]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def files_of(way: Way) -> list[Path]:
    """The files of both models, all parts of a split one."""
    return [path for model in (way.a, way.b) for path in open_model(model).paths]


def row_of(point: Examined, way: Way, key: str) -> dict[str, Any]:
    """A point as a line of a sweep file; `worths` and `sweep` are what going on needs."""
    axes = {}
    for axis, values in point.worths.items():
        mean, low, high = mean_of(values)
        axes[axis] = {"mean": mean, "low": low, "high": high, "items": len(values)}
    head = {"method": way.method, "seed": UNKNOWN_TRAINING, "axes": axes, "sweep": key}
    return head | asdict(point)


def write_rows(out: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the file, whole or not at all."""
    part = out.with_name(out.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        raise EdgemedError(
            f"cannot write {out}: {error.strerror}", "free disk space and give the command again"
        ) from None


def known_points(out: Path, key: str) -> list[Examined]:
    """The points of an earlier attempt. Raises Refused if `out` is of anything else."""
    if not out.exists():
        return []
    try:
        rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        if all(row["sweep"] == key for row in rows):
            return [Examined(row["t"], row["type"], row["worths"], row["cut"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise Refused(
        f"{out} holds something else than scores of these models on these cases",
        "name another file with -o, or move that one away",
    )
