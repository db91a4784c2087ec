"""Measures of answers, each a figure of counts that add up: a mean, a rate, or BLEU.

Every answer adds a row of counts to a measure, and the figure is computed from their sums:

    a mean or a rate    (part, whole)                         part / whole
    BLEU                (10 counts: see `bleu`)               sacrebleu's corpus BLEU
    perplexity          (nats, tokens)                        exp(nats / tokens)
    a spread            (a value, another value, ...)         mean, median, 99.9 % of all values

So one resampling of rows gives the interval of any measure, and one exchange of rows between two
models its test (not of a spread). Figures go from 0 to 1 and are shown times 100, but for those in
UNITS, which are not scaled.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgemed.evals.intervals import Interval, bounded, mean_of, resampled_sums

Counts = tuple[float, ...]
Sums = NDArray[np.float64]
"""Sums of counts: (..., counts)."""

SPREAD_RESAMPLES = 400  # each sorts every value
ORDERS = 4  # BLEU counts n-grams of 1 to 4 words


def ratio(sums: Sums) -> NDArray[np.float64]:
    """Part divided by whole; 0 if whole is 0."""
    part, whole = sums[..., 0], sums[..., 1]
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def bleu(sums: Sums) -> NDArray[np.float64]:
    """Corpus BLEU from the sums of n-grams found, n-grams in all, and words of both sides."""
    rows = sums.reshape(-1, sums.shape[-1])
    return np.array([bleu_of(row.tolist()) for row in rows]).reshape(sums.shape[:-1])


def bleu_of(counts: Sequence[float]) -> float:
    """BLEU of one row of sums, from 0 to 1."""
    from sacrebleu.metrics.bleu import BLEU

    found, total = counts[:ORDERS], counts[ORDERS : 2 * ORDERS]
    ours, theirs = counts[2 * ORDERS :]
    if not ours or not total[0]:
        return 0.0
    made = BLEU.compute_bleu(
        [int(n) for n in found], [int(n) for n in total], int(ours), int(theirs),
        smooth_method="exp", max_ngram_order=ORDERS,
    )  # fmt: skip
    return float(made.score) / 100


def perplexity(sums: Sums) -> NDArray[np.float64]:
    """exp of nats per token."""
    return np.exp(ratio(sums))


FIGURES: Mapping[str, Callable[[Sums], NDArray[np.float64]]] = {
    "bleu": bleu,
    "perplexity": perplexity,
}
"""Measures that are not a ratio."""

SPREADS: Mapping[str, Mapping[str, float | None]] = {
    "kl": {"kl mean": None, "kl median": 0.5, "kl 99.9 %": 0.999}
}
"""Measures that keep every value: the figures of each, as a quantile (None: the mean)."""

UNITS: Mapping[str, str] = {
    "perplexity": "a token",
    "bits": "bits per byte",
    "kl mean": "nats",
    "kl median": "nats",
    "kl 99.9 %": "nats",
    "words": "words",
    "words of the other": "words",
    **dict.fromkeys(("fluency", "relevance", "completeness", "proficiency"), "of 5"),
}
"""Figures that are not shares, with what they are in."""


def figure_of(name: str, sums: Sums) -> NDArray[np.float64]:
    """The figure of a measure from sums of counts."""
    return FIGURES.get(name, ratio)(sums)


def spread_of(name: str, rows: Sequence[Counts]) -> dict[str, Interval]:
    """The figures of a spread with intervals over rows (pieces of a text), not over values."""
    kept = [np.array(row, np.float64) for row in rows if row]
    if not kept:
        return {}
    every = np.concatenate(kept)
    rng = np.random.default_rng(0)
    picks = [rng.integers(0, len(kept), len(kept)) for _ in range(SPREAD_RESAMPLES)]
    drawn = [np.concatenate([kept[n] for n in pick]) for pick in picks]
    return {
        figure: bounded(quantile(every, at), np.array([quantile(values, at) for values in drawn]))
        for figure, at in SPREADS[name].items()
    }


def quantile(values: NDArray[np.float64], at: float | None) -> float:
    """A quantile of values (the value at or above it), or their mean."""
    return float(values.mean() if at is None else np.quantile(values, at, method="higher"))


def measured(name: str, rows: Sequence[Counts]) -> Interval | None:
    """The figure of a measure with its 95 % interval; None where nothing was counted."""
    if not rows or not any(any(row) for row in rows):
        return None
    columns = list(zip(*rows, strict=True))
    if len(columns) == 2 and set(columns[1]) == {1.0} and name not in UNITS:
        return mean_of(columns[0])
    sums = np.array(rows, np.float64).sum(axis=0)
    if name not in FIGURES and not sums[1]:
        return None
    return bounded(float(figure_of(name, sums)), figure_of(name, resampled_sums(columns)))
