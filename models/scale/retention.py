"""What a merge keeps of its parents, answer by answer: shares and differences with intervals.

    python models/scale/retention.py --work DIR --type Q8_0 --method linear

Takes t from the dev split (the smaller of the two shares kept is largest there) and compares on the
test split. Every file answers the same questions, so answers are paired: the mean over seeds for
each question, then a percentile bootstrap (Efron 1979) over questions. The spread over seeds is
shown beside it.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from typing import NamedTuple

from evaluate import RESAMPLES, Interval
from json_lines import Label, known

Worths = dict[str, list[list[float]]]  # axis: one list for each seed, 0 to 1


class Files(NamedTuple):
    """Both parents and the merges by t, of one type and method."""

    clinical: Worths
    instruct: Worths
    merged: dict[float, Worths]


def files(lines: list[Label], kind: str, method: str) -> Files:
    """The worths of every answer, seeds in order; only seeds that were scored at every t."""
    found: dict[float, Worths] = defaultdict(lambda: defaultdict(list))
    chosen = [x for x in lines if x.get("type") == kind and x.get("method") in ("", method)]
    counts = Counter(line["seed"] for line in chosen)
    whole = [seed for seed in sorted(counts) if counts[seed] == max(counts.values())]
    for seed, line in product(whole, chosen):
        for axis, worths in line["axes"].items() if line["seed"] == seed else ():
            found[line["t"]][axis].append([x / 100 for x in worths])
    inner = {t: found[t] for t in sorted(found) if t not in (0.0, 1.0)}
    return Files(found[0.0], found[1.0], inner)


def mean(worths: Worths, axis: str) -> float:
    return fmean(fmean(seed) for seed in worths[axis])


def kept(files: Files, t: float) -> float:
    """The smaller share kept of the clinical parent's facts and the instruct parent's obedience."""
    merged = files.merged[t]
    return min(
        mean(merged, "clinical") / max(mean(files.clinical, "clinical"), 1e-9),
        mean(merged, "instruction") / max(mean(files.instruct, "instruction"), 1e-9),
    )


def paired(one: Worths, other: Worths, axis: str, how: Callable[[float, float], float]) -> Interval:
    """`how` of the two means, with its interval over questions."""
    ones, others = ([fmean(q) for q in zip(*w[axis], strict=True)] for w in (one, other))
    rng, count = Random(0), len(ones)
    drawn = []
    for _ in range(RESAMPLES):
        chosen = rng.choices(range(count), k=count)
        drawn.append(how(fmean(ones[n] for n in chosen), fmean(others[n] for n in chosen)))
    drawn.sort()
    low, high = drawn[int(RESAMPLES * 0.025)], drawn[int(RESAMPLES * 0.975)]
    return Interval(how(fmean(ones), fmean(others)), low, high)


def ratio(merged: float, parent: float) -> float:
    return merged / max(parent, 1e-9)


def more(merged: float, parent: float) -> float:
    return merged - parent


def seeds(one: Worths, other: Worths, axis: str, how: Callable[[float, float], float]) -> str:
    """`how` for each seed by itself."""
    pairs = zip(one[axis], other[axis], strict=True)
    return " ".join(f"{how(fmean(a), fmean(b)):.2f}" for a, b in pairs)


def table(found: Files, t: float) -> str:
    """One row for each comparison of the merge at `t` with a parent."""
    merged = found.merged[t]
    rows = [
        ("facts, share of the clinical parent's", found.clinical, "clinical", ratio),
        ("instructions, share of the instruct parent's", found.instruct, "instruction", ratio),
        ("both at once, more than the clinical parent", found.clinical, "composite", more),
        ("both at once, more than the instruct parent", found.instruct, "composite", more),
    ]
    lines = [f"| merged at t = {t} | mean (95 % over questions) | seeds |", "|---|---|---|"]
    for name, parent, axis, how in rows:
        value, low, high = paired(merged, parent, axis, how)
        each = seeds(merged, parent, axis, how)
        lines.append(f"| {name} | {value:.2f} ({low:.2f} to {high:.2f}) | {each} |")
    return "\n".join(lines)


def comparison(work: Path, kind: str, method: str) -> str:
    """The t that the dev split chose, and the table of the test split at it."""
    lines = known(work / "worths.jsonl")
    dev, test = (
        files([x for x in lines if x["split"] == split], kind, method) for split in ("dev", "test")
    )
    best = max(dev.merged, key=lambda t: kept(dev, t))
    return table(test, best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--work", type=Path, required=True)
    add("--type", default="Q8_0")
    add("--method", default="linear")
    args = parser.parse_args()
    print(comparison(args.work, args.type, args.method))


if __name__ == "__main__":
    main()
