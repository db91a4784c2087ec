"""Agreement with people: 200 machine summaries of 50 dialogues whose facts were counted by hand.

Ours and the rows beside it see the dialogue and the draft. Metrics that see the human reference
are shown apart. Intervals resample dialogues.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rouge_score import rouge_scorer

from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.omissions import uncarried_share
from edgemed.clinic.reviewing.review import review_read
from tests.bench import baselines
from tests.bench.documents import HUMAN, rows

Numbers = NDArray[np.float64]
SAMPLES = 1000
ROUGE = rouge_scorer.RougeScorer(["rouge1", "rougeL"], use_stemmer=True)


def table(folder: Path) -> None:
    """Print the agreement, where the scored summaries are there."""
    path = folder / HUMAN
    if not path.is_file():
        return
    scored = rows(path)
    order = {text: i for i, text in enumerate(dict.fromkeys(r["Dialogue"] for r in scored))}
    dialogues = np.array([order[r["Dialogue"]] for r in scored])
    metrics = omission_metrics(scored)
    print(f"\nAgreement with people on {len(scored)} summaries of {len(set(dialogues))} dialogues")
    for target, sign in (("OmissionRate", 1.0), ("FactualRecall", -1.0)):
        wanted = sign * np.array([float(r[target]) for r in scored])
        print(f"  Spearman with {'' if sign > 0 else '-'}{target}; then ours minus it")
        for name, values in metrics.items():
            own = resampled(dialogues, partial(agreement, values=values, wanted=wanted))
            less = resampled(
                dialogues, partial(gain, ours=metrics["ours"], other=values, wanted=wanted)
            )
            print(f"    {name:34s} {own}   {less}")
    hallucination(scored, dialogues)


def agreement(rows: Numbers, values: Numbers, wanted: Numbers) -> float:
    return spearman(values[rows], wanted[rows])


def gain(rows: Numbers, ours: Numbers, other: Numbers, wanted: Numbers) -> float:
    """How much better ours agrees than the other metric."""
    return spearman(ours[rows], wanted[rows]) - spearman(other[rows], wanted[rows])


def omission_metrics(scored: list[dict[str, str]]) -> dict[str, Numbers]:
    """Each metric's estimate of how much is left out; higher is more."""
    found: dict[str, list[float]] = {}
    sources: dict[str, Source] = {}
    for row in scored:
        dialogue, draft = row["Dialogue"], row["Automatic Summary"]
        source = sources.setdefault(dialogue, Source(dialogue))
        rouge = ROUGE.score(dialogue, draft)
        reference = ROUGE.score(row["Reference Summary"], draft)
        near = [float(source.index.cosines(d.sentence.text).mean()) for d in read(draft)] or [0.0]
        values = {
            "ours": uncarried_share(source, read(draft)),
            "draft length": -float(len(draft.split())),
            "ROUGE-1 recall of the dialogue": -rouge["rouge1"].recall,
            "ROUGE-L recall of the dialogue": -rouge["rougeL"].recall,
            "verbatim share of the draft": -baselines.verbatim(dialogue)(draft),
            "fuzzy match of the draft": -baselines.fuzzy(dialogue)(draft),
            "MiniLM cosine to the dialogue": -float(np.mean(near)),
            "(sees reference) ROUGE-1 recall": -reference["rouge1"].recall,
            "(sees reference) ROUGE-L F1": -reference["rougeL"].fmeasure,
        }
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()}


def hallucination(scored: list[dict[str, str]], dialogues: Numbers) -> None:
    """Area under the curve of our flagged share against any hallucination, and any wrong fact."""
    shares = []
    for row in scored:
        claims = review_read(Source(row["Dialogue"]), read(row["Automatic Summary"])).claims
        shares.append(float(np.mean([bool(c.flags) for c in claims])) if claims else 0.0)
    ours = np.array(shares)
    for name, of in (
        ("hallucination", lambda r: float(r["HallucinationRate"]) > 0),
        ("imprecision", lambda r: float(r["FactualPrecision"]) < 1),
    ):
        truth = np.array([of(r) for r in scored])
        value = resampled(dialogues, lambda i, t=truth: area(ours[i], t[i]))
        print(f"  area under the curve, {name} ({truth.sum()} of {len(truth)}): {value}")


def resampled(groups: Numbers, statistic: Callable[[Numbers], float]) -> str:
    """The statistic on all rows, with its 95 % interval over resampled groups."""
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    rng = np.random.default_rng(0)
    values = []
    for _ in range(SAMPLES):
        picks = rng.integers(0, len(members), len(members))
        values.append(statistic(np.concatenate([members[p] for p in picks])))
    low, high = np.nanquantile(values, (0.025, 0.975))
    return f"{statistic(np.arange(len(groups))):+.2f} ({low:+.2f} to {high:+.2f})"


def spearman(a: Numbers, b: Numbers) -> float:
    """Rank correlation, ties at their mean rank; nan where one side is constant."""
    x, y = ranks(a), ranks(b)
    if x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def ranks(values: Numbers) -> Numbers:
    """Ranks from 0, ties at their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[inverse], np.float64)


def area(scores: Numbers, truth: Numbers) -> float:
    """Area under the receiver operating curve."""
    positive, negative = scores[truth], scores[~truth]
    if not len(positive) or not len(negative):
        return float("nan")
    order = ranks(np.concatenate([positive, negative]))
    return float((order[: len(positive)].mean() - (len(positive) - 1) / 2) / len(negative))
