"""The scores of a sweep while it runs: the file, and the identity that says what was measured.

The file holds only scores, no prompt and no answer. One sweep at a time writes it; it is replaced
as a whole after every point.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgemed.errors import EdgemedError, Refused
from edgemed.evals.intervals import mean_of
from edgemed.evals.sweep_file import Curve, Point, Score
from edgemed.storage.bounded import json_of
from edgemed.storage.held import Busy, hold
from edgemed.storage.held import remove as take_away
from edgemed.storage.output import journal_of, part_of
from edgemed.storage.whole import write_whole

UNKNOWN_TRAINING = 0  # stored as the seed: the seed of the user's models is not known

Identity = dict[str, Any]
"""What two points must have in common to be in one sweep; JSON values."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One point: the score of every answer by axis, how many were cut, how the model was loaded."""

    t: float
    type: str
    worths: dict[str, list[float]]
    cut: int
    loaded: dict[str, Any]


@contextmanager
def held(out: Path) -> Iterator[Path]:
    """Lock `out` for this sweep; yields a path beside it for one merged file at a time.

    A file that a killed sweep left there is removed, so its name is one that no user's model has.
    The lock file stays: if it were removed, two sweeps could both lock it.
    """
    lock, merged = (out.with_name(f".{out.name}{ending}") for ending in (".lock", ".merged"))
    try:
        fd = hold(lock)
    except Busy:
        raise Refused(
            f"another sweep is writing {out}", "wait for it, or name another file"
        ) from None
    try:
        remove(merged)
        try:
            yield merged
        finally:
            remove(merged)
    finally:
        os.close(fd)


def remove(merged: Path) -> None:
    """Remove a merged file, complete or not."""
    for path in (part_of(merged), journal_of(merged), merged):
        take_away(path)


def curve_of(points: Sequence[Examined], method: str) -> Curve:
    """The points as a curve for the sweep screen."""
    scored = tuple(Point(point.t, scores_of(point)) for point in points)
    return Curve(method, points[0].type, UNKNOWN_TRAINING, scored)


def scores_of(point: Examined) -> dict[str, Score]:
    """A point's means and intervals by axis."""
    return {axis: Score(*mean_of(worths), len(worths)) for axis, worths in point.worths.items()}


def write_points(out: Path, points: Sequence[Examined], method: str, identity: Identity) -> None:
    """Replace the file with these points, completely or not at all."""
    rows = (json.dumps(row_of(point, method) | {"sweep": identity}) + "\n" for point in points)
    try:
        write_whole(out, "".join(rows).encode())
    except OSError as error:
        raise EdgemedError(
            f"cannot write {out}: {error.strerror}",
            "free some disk space, and run the command again",
        ) from None


def row_of(point: Examined, method: str) -> dict[str, Any]:
    """A point as a line of a sweep file; resuming needs the `worths`."""
    axes = {axis: score._asdict() for axis, score in scores_of(point).items()}
    return {"method": method, "seed": UNKNOWN_TRAINING, "axes": axes} | asdict(point)


def known_points(out: Path, identity: Identity) -> list[Examined]:
    """The points of an earlier run. Raises Refused if `out` holds anything else."""
    if not out.exists():
        return []
    fields = Examined.__dataclass_fields__
    try:
        rows = [json_of(line) for line in out.read_text("utf-8").splitlines()]
        points = [Examined(**{name: row[name] for name in fields}) for row in rows]
        changed = {
            name for row in rows for name in identity if row["sweep"][name] != identity[name]
        }
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(
            f"{out} does not hold scores of a sweep",
            "name another file, or move that one away",
        ) from None
    if changed:
        raise Refused(
            f"{out} holds scores of a sweep with different {', '.join(sorted(changed))}",
            "use the same command as before, or name another file",
        )
    return points
