"""A sweep as a file: scores of merges between one model (t = 0) and another (t = 1).

One JSON object per line, one line for each merged file:

    {"method": "linear", "type": "Q8_0", "t": 0.5, "seed": 1,
     "axes": {"clinical": {"mean": 0.83, "low": 0.79, "high": 0.87, "items": 200}, ...}}

Scores go from 0 to 1, higher is better; `low` and `high` are the 95 % interval of the mean over
`items` items; `seed` is that of the models' training, 0 if it is not known. Lines of one method,
type and seed make a curve. A line in any other form is refused with its number.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.errors import InvalidFile
from edgemed.storage.bounded import read_bounded
from edgemed.storage.listing import files_in

FORM = (
    'write each line as {"method": "linear", "type": "Q8_0", "t": 0.5, "seed": 1, '
    '"axes": {"NAME": {"mean": 0.8, "low": 0.7, "high": 0.9, "items": 200}}}'
)
MOST_AXES = 6


class Score(NamedTuple):
    """The mean over `items` items and its 95 % interval; from 0 to 1."""

    mean: float
    low: float
    high: float
    items: int


class Point(NamedTuple):
    """The scores at `t`, by axis."""

    t: float
    axes: Mapping[str, Score]


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in order of t, all with the same axes."""

    method: str
    type: str
    seed: int
    points: tuple[Point, ...]

    @property
    def name(self) -> str:
        """Its method, type and seed, which no other curve of the file shares."""
        training = f", training seed {self.seed}" if self.seed else ""
        return f"{self.method}, {self.type}{training}"

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of its axes, in the file's order."""
        return tuple(self.points[0].axes)


class Best(NamedTuple):
    """The best t: the axis that loses most there, `axis`, still has `share` of its best score.

    `like` holds the other t that the intervals cannot tell apart from it.
    """

    t: float
    axis: str
    share: float
    like: tuple[float, ...]


RULE = "the t whose weakest axis keeps most of its best score"


def read_sweep(path: Path) -> tuple[Curve, ...]:
    """The curves of a file, longest first. Raises InvalidFile with line and remedy."""
    try:
        text = read_bounded(path, "sweep").decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(f"{path} cannot be read: {kind_of(error)}", "give a sweep file") from None
    return parse_sweep(text, path.name)


def kind_of(error: Exception) -> str:
    """Why a file could not be read."""
    return (error.strerror or "") if isinstance(error, OSError) else "it is not UTF-8 text"


def parse_sweep(text: str, name: str) -> tuple[Curve, ...]:
    """The curves in the text of a file that errors call `name`."""
    curves: dict[tuple[str, str, int], dict[float, Point]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        key, point = entry(line, f"{name}, line {number}")
        points = curves.setdefault(key, {})
        if point.t in points:
            raise InvalidFile(f"{name}, line {number}: t = {point.t:g} occurs twice", FORM)
        first = next(iter(points.values()), point)
        if set(first.axes) != set(point.axes):
            raise InvalidFile(f"{name}, line {number}: its axes differ from its curve's", FORM)
        points[point.t] = point
    if not curves:
        raise InvalidFile(f"{name} holds no scores", FORM)
    made = [Curve(*key, tuple(sorted(points.values()))) for key, points in curves.items()]
    return tuple(sorted(made, key=lambda curve: -len(curve.points)))


def entry(line: str, where: str) -> tuple[tuple[str, str, int], Point]:
    """The curve that a line belongs to, and its point."""
    try:
        table = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidFile(f"{where}: not JSON", FORM) from None
    if not isinstance(table, dict):
        raise InvalidFile(f"{where}: not an object", FORM)
    words = [table.get(key) for key in ("method", "type")]
    if not all(isinstance(word, str) and word.isprintable() and len(word) < 60 for word in words):
        raise InvalidFile(f"{where}: method and type must be words", FORM)
    seed, axes = table.get("seed"), table.get("axes")
    if not is_whole(seed):
        raise InvalidFile(f"{where}: seed must be a whole number", FORM)
    if not isinstance(axes, dict) or not 0 < len(axes) <= MOST_AXES:
        raise InvalidFile(f"{where}: axes must name 1 to {MOST_AXES} scores", FORM)
    t = share(table.get("t"), "t", where)
    scores = {axis: score(axis, value, where) for axis, value in axes.items()}
    return (str(words[0]), str(words[1]), int(str(seed))), Point(t, scores)


def score(axis: str, table: Any, where: str) -> Score:
    """One axis of a line."""
    if not axis.isprintable() or not 0 < len(axis) <= 40:
        raise InvalidFile(f"{where}: the name of an axis is not printable", FORM)
    if not isinstance(table, dict):
        raise InvalidFile(f"{where}: {axis} must have mean, low, high and items", FORM)
    mean, low, high = (share(table.get(k), f"{axis}: {k}", where) for k in ("mean", "low", "high"))
    items = table.get("items")
    if not is_whole(items) or int(str(items)) < 1:
        raise InvalidFile(f"{where}: {axis}: items must count the items", FORM)
    if not low <= mean <= high:
        raise InvalidFile(f"{where}: {axis}: the mean is not between low and high", FORM)
    return Score(mean, low, high, int(str(items)))


def is_whole(value: Any) -> bool:
    """Whether a JSON value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def share(value: Any, what: str, where: str) -> float:
    """A number from 0 to 1."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 <= value <= 1:
        raise InvalidFile(f"{where}: {what} must be a number from 0 to 1", FORM)
    return float(value)


def best(curve: Curve) -> Best:
    """The best t by RULE; of equals the one whose next axis keeps more, then the smallest.

    Each axis's mean is divided by the highest mean of that axis on the curve; an axis that is 0
    everywhere is ignored. Another t is "like" the best if the upper ends of its intervals reach
    the best share.
    """
    tops = {axis: max(p.axes[axis].mean for p in curve.points) for axis in curve.axes}
    top = {axis: mean for axis, mean in tops.items() if mean} or dict.fromkeys(tops, 1.0)

    def kept(point: Point, axis: str) -> float:
        return point.axes[axis].mean / top[axis]

    chosen = max(curve.points, key=lambda p: (sorted(kept(p, axis) for axis in top), -p.t))
    worst = min(top, key=lambda axis: kept(chosen, axis))

    def may_reach(point: Point) -> bool:
        return all(point.axes[a].high / top[a] >= kept(chosen, worst) for a in top)

    like = tuple(p.t for p in curve.points if p is not chosen and may_reach(p))
    return Best(chosen.t, worst, kept(chosen, worst), like)


def sweeps_folder() -> Path:
    """The folder of the clinic's own sweeps; the screen lists each file in it."""
    from platformdirs import user_data_path

    return user_data_path("edgemed", appauthor=False) / "sweeps"


def own_sweeps() -> list[tuple[str, Path]]:
    """The sweeps of this user by name. EdgemedError where their folder cannot be read."""
    return [(path.stem, path) for path in files_in(sweeps_folder(), ".jsonl")]


def embedded_sweep() -> tuple[str, Path]:
    """The sweep of the embedded models, and its name."""
    from edgemed_models.scale import path_of

    return "the embedded models", path_of("base").with_name("sweep.jsonl")
