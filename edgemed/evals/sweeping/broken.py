"""Names a parent that is broken before any hour is spent on its merges.

A file can be damaged, or made with a wrong converter, and still load and write. Such a model is
surprised by plain English, and its twin is not.
"""

from dataclasses import replace
from math import exp
from pathlib import Path
from typing import NamedTuple

from edgemed.errors import Refused
from edgemed.evals.texts import reading_settings, surprise
from edgemed.local_models.loading import Options, start

PLAIN = (
    "The patient came to the clinic on Monday morning because she had a cough and a fever for "
    "three days. The doctor listened to her lungs, and told her to rest, to drink enough water, "
    "and to come back if she did not feel better at the end of the week."
)
"""What both parents read."""
FAR = 10.0
"""A parent whose perplexity is so many times that of the other is broken."""


class Surprise(NamedTuple):
    """The perplexity of both parents on PLAIN."""

    a: float
    b: float


def perplexity_of(path: Path, options: Options) -> float:
    """The perplexity of the model at `path` on PLAIN, whatever context its questions will have."""
    roomy = replace(options, context=None)
    model = start(reading_settings(path, [("plain English", PLAIN)], roomy))
    try:
        nats, tokens = surprise(model, PLAIN)["perplexity"]
    finally:
        model.close()
    return exp(nats / tokens)


def refuse_broken(found: Surprise, names: tuple[str, str]) -> None:
    """Refused if one parent is far more surprised than the other."""
    worse = 0 if found.a > found.b else 1
    high, low = max(found), min(found)
    if not high <= FAR * low:  # a NaN is refused too
        raise Refused(
            f"{names[worse]} seems broken: its perplexity on plain English is {high:,.0f}, that of "
            f"{names[1 - worse]} {low:,.0f}",
            "get or make that file again, or sweep all the same",
        )
