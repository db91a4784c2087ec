"""What a second reader adds to the rules: errors found at the same rate of false flags.

    python -m tests.bench.reader --work DIR [--data DIR] [--each 12] [--left-out KIND ...]

DIR holds reader.onnx as `python -m models.encoder.reader` makes it. Documents: validation and
test-1 files of ACI-Bench and MTS-Dialog. Thresholds are chosen on the open half of them
(`documents.is_kept_out`), figures are of the other. The reader may raise a flag, and silence one
that is minor and not about numbers, doses, drugs or sides; the same is tried with the cosine of
sentence vectors in its place. Intervals (95 %), of differences as well: 1,000 bootstrap samples of
documents.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.encoder.reader_rows import END, LENGTH
from tests.bench.intervals import grouped, interval
from tests.bench.reader_examples import Example, examples, probes
from tests.conftest import DATA

Scores = NDArray[np.float64]
STEPS = 41  # thresholds tried below which a flag is silenced


class Thresholds(NamedTuple):
    """Scores below `low` silence a flag that may be silenced; from `high` on one is raised."""

    low: float
    high: float


class Scored(NamedTuple):
    """Examples with what the rules say and one score each: higher is more likely wrong."""

    examples: Sequence[Example]
    firm: NDArray[np.bool_]
    soft: NDArray[np.bool_]
    wrong: NDArray[np.bool_]  # planted
    scores: Scores

    def rules(self) -> NDArray[np.bool_]:
        return self.firm | self.soft

    def flagged(self, at: Thresholds) -> NDArray[np.bool_]:
        return self.firm | (self.soft & (self.scores >= at.low)) | (self.scores >= at.high)


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=DATA / "clinical")
    parser.add_argument("--each", type=int, default=12, help="planted errors of each kind")
    parser.add_argument("--left-out", nargs="*", default=("severity", "body part"))
    args = parser.parse_args()
    found = examples(args.data, args.work, args.each)
    read = Reading(args.work / "reader.onnx")
    odds = read.odds(found)
    methods = {
        "cosine": np.array([1 - e.cosine for e in found]),
        "reader, other": odds[:, 1],
        "reader, not same": 1 - odds[:, 0],
    }
    best = gains(found, methods)
    by_kind(found, methods[best], args.left_out)
    blind(found, read)
    own_words(args.data / "probes" / "statements.jsonl", read)
    speed(found, read)


class Reading:
    """The trained reader, one pair a run on one core."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session: Any = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def pair(self, ids: Sequence[int], claim: int) -> NDArray[np.float64]:
        """Probabilities of same, other, not said."""
        segments = np.array([[0] * claim + [1] * (len(ids) - claim)], np.int64)
        fed = {"ids": np.array([ids], np.int64), "segments": segments}
        scores = self.session.run(None, fed)[0][0].astype(float)
        raised = np.exp(scores - scores.max())
        return np.asarray(raised / raised.sum())

    def odds(self, found: Sequence[Example], blind: bool = False) -> NDArray[np.float64]:
        """Of each example those of the claim that is most likely other, f64 [examples, 3]."""
        rows = []
        for e in found:
            pairs = [self.pair(*(without(*r) if blind else r)) for r in e.reads]
            rows.append(max(pairs, key=lambda p: p[1], default=np.array([1.0, 0.0, 0.0])))
        return np.array(rows)


def without(ids: Sequence[int], claim: int) -> tuple[list[int], int]:
    """The pair without its evidence."""
    return [*ids[:claim], END], claim


def scored(found: Sequence[Example], scores: Scores, keep: Callable[[Example], bool]) -> Scored:
    """The examples to keep, with their scores."""
    at = [i for i, e in enumerate(found) if keep(e)]
    kept = [found[i] for i in at]
    firm, soft, wrong = (
        np.array(list(values), bool)
        for values in zip(*((e.firm, e.soft, bool(e.kind)) for e in kept), strict=True)
    )
    return Scored(kept, firm, soft, wrong, scores[at])


def raising(s: Scored, low: float, rate: float) -> Thresholds:
    """The least threshold to raise flags at that leaves no more false flags than `rate`."""
    clean = ~s.wrong
    kept = s.firm | (s.soft & (s.scores >= low))
    room = int(rate * clean.sum() + 1e-9) - int((kept & clean).sum())
    free = np.sort(s.scores[clean & ~kept])[::-1]
    if room < 0 or not len(free):
        return Thresholds(low, np.inf)
    return Thresholds(low, float(np.nextafter(free[min(room, len(free) - 1)], np.inf)))


def chosen(s: Scored) -> Thresholds:
    """The thresholds that find most at no more false flags than the rules alone."""
    rate = float(s.rules()[~s.wrong].mean())
    lows = [-np.inf, *np.quantile(s.scores, np.linspace(0, 1, STEPS))]
    tried = [raising(s, low, rate) for low in lows]
    return max(tried, key=lambda t: s.flagged(t)[s.wrong].mean())


def gains(found: Sequence[Example], methods: dict[str, Scores]) -> str:
    """Rules alone and with each method, on the half kept out; the reader's better score."""
    worth: dict[str, float] = {}
    print(f"\nThresholds of the open half, figures of the kept one: {counts(found)}")
    print(f"  {'':28s} {'false flags, %':>22s} {'found, %':>22s}   differences, paired")
    for name, scores in methods.items():
        open_half = scored(found, scores, lambda e: not e.kept)
        at = chosen(open_half)
        worth[name] = float(open_half.flagged(at)[open_half.wrong].mean())
        for size in ("all", "long", "short"):
            s = scored(found, scores, lambda e, z=size: e.kept and z in ("all", length(e)))  # type: ignore[misc]
            if name == "cosine":
                line(f"rules, {size}", s, s.rules())
            line(f"with {name}, {size}", s, s.flagged(at))
            rate = float(s.rules()[~s.wrong].mean())
            line("  at their false flags", s, s.flagged(raising(s, at.low, rate)))
            line("  only raising, 1 point more", s, s.flagged(raising(s, -np.inf, rate + 0.01)))
        print(
            f"    low {at.low:.4f}, high {at.high:.4f}; open half: {100 * worth[name]:.1f} % found"
        )
    return max((n for n in worth if n != "cosine"), key=lambda n: worth[n])


def length(e: Example) -> str:
    return "long" if e.long else "short"


def counts(found: Sequence[Example]) -> str:
    kept = [e for e in found if e.kept]
    planted = [e for e in kept if e.kind]
    of = len({e.document for e in kept})
    return f"{len(kept) - len(planted)} untouched and {len(planted)} planted of {of} documents"


def line(title: str, s: Scored, flagged: NDArray[np.bool_]) -> None:
    """False flags, share found, and what both differ by from the rules alone."""
    cells = []
    for part in (~s.wrong, s.wrong):
        names = [e.document for e, there in zip(s.examples, part, strict=True) if there]
        now, before = flagged[part].astype(float), s.rules()[part].astype(float)
        cells.append(interval(grouped(zip(names, now, strict=True))))
        cells.append(interval(grouped(zip(names, now - before, strict=True))))
    print(f"  {title:28s} {cells[0]:>22s} {cells[2]:>22s}   {cells[1]} and {cells[3]}")


def by_kind(found: Sequence[Example], scores: Scores, left_out: Sequence[str]) -> None:
    """Found of each kind at the rules' false flags, and how well the reader alone tells it."""
    at = chosen(scored(found, scores, lambda e: not e.kept))
    s = scored(found, scores, lambda e: e.kept)
    at = raising(s, at.low, float(s.rules()[~s.wrong].mean()))
    kinds = np.array([e.kind for e in s.examples])
    clean = s.scores[~s.wrong]
    print("\nBy kind, kept half: rules, with the reader, gained, lost; area of the reader alone")
    groups = {k: kinds == k for k in dict.fromkeys(kinds) if k}
    groups["kinds trained on"] = s.wrong & ~np.isin(kinds, left_out)
    groups["kinds left out"] = np.isin(kinds, left_out)
    groups["all but foreign"] = s.wrong & (kinds != "foreign sentence")
    for name, of in groups.items():
        before, now = s.rules()[of], s.flagged(at)[of]
        print(
            f"  {name:20s} n {of.sum():4d}  {100 * before.mean():5.1f} {100 * now.mean():5.1f}"
            f"  +{(now & ~before).sum()} -{(before & ~now).sum()}  {area(s.scores[of], clean):.2f}"
        )


def area(wrong: Scores, clean: Scores) -> float:
    """How often a wrong sentence scores above an untouched one (area under the curve)."""
    order = np.sort(clean)
    below, upto = (np.searchsorted(order, wrong, side=side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(clean))


def blind(found: Sequence[Example], read: Reading) -> None:
    """What the reader knows from the claim alone: the planter's hand, not what was said."""
    kept = [e for e in found if e.kept]
    wrong = np.array([bool(e.kind) for e in kept])
    left = np.array([not (e.firm or e.soft) for e in kept])
    print("\nThe reader alone, area under the curve, kept half: all, and those that no rule flags")
    for title, without_evidence in (("with evidence", False), ("claim alone", True)):
        other = read.odds(kept, without_evidence)[:, 1]
        areas = (area(other[wrong & of], other[~wrong & of]) for of in (wrong | True, left))
        print(f"  {title:14s} {next(areas):.3f} {next(areas):.3f}")


def own_words(path: Path, read: Reading) -> None:
    """Drafts of invented notes that no program planted."""
    if not path.is_file():
        print(f"no probes at {path}")
        return
    found = list(probes(path))
    wrong = np.array([bool(e.kind) for e in found])
    odds = read.odds(found)
    print(f"\nInvented notes, {wrong.sum()} wrong and {(~wrong).sum()} right drafts, area:")
    cosine = np.array([1 - e.cosine for e in found])
    for title, scores in (("reader, other", odds[:, 1]), ("reader, not same", 1 - odds[:, 0]),
                          ("cosine", cosine)):  # fmt: skip
        print(f"  {title:18s} {area(scores[wrong], scores[~wrong]):.3f}")


def speed(found: Sequence[Example], read: Reading, runs: int = 300) -> None:
    """Processor time of a claim with all its evidence, of the longest claims too."""
    pairs = [r for e in found for r in e.reads]
    for title, of in (
        ("claims as they come", pairs[:: max(1, len(pairs) // runs)]),
        ("of full length", [r for r in pairs if len(r[0]) >= LENGTH - 2][:runs]),
    ):
        taken = []
        for ids, claim in of:
            began = time.process_time()
            read.pair(ids, claim)
            taken.append(1000 * (time.process_time() - began))
        middle, most = np.quantile(taken, (0.5, 0.95)) if taken else (np.nan, np.nan)
        print(f"{title}: {len(of)}, {middle:.1f} ms of one core (95 % below {most:.1f})")


if __name__ == "__main__":
    main()
