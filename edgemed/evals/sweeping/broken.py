"""Finds a broken parent before hours are spent on its merges.

A file can be damaged, or made with a faulty converter, and still load and generate text. Such a
model has a high perplexity on plain English, and the other parent has not.
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
"""A parent with this many times the perplexity of the other is broken."""


class Surprise(NamedTuple):
    """The perplexity of both parents on PLAIN."""

    a: float
    b: float


def perplexity_of(path: Path, options: Options) -> float:
    """The perplexity of the model at `path` on PLAIN, with any context."""
    roomy = replace(options, context=None)
    model = start(reading_settings(path, [("plain English", PLAIN)], roomy))
    try:
        nats, tokens = surprise(model, PLAIN)["perplexity"]
    finally:
        model.close()
    return exp(nats / tokens)


def refuse_broken(found: Surprise, names: tuple[str, str]) -> None:
    """Refused if the perplexity of one parent is far higher."""
    worse = 0 if found.a > found.b else 1
    high, low = max(found), min(found)
    if not high <= FAR * low:  # a NaN is refused too
        raise Refused(
            f"{names[worse]} seems broken: its perplexity on plain English is {high:,.0f}, that of "
            f"{names[1 - worse]} {low:,.0f}",
            "get or make that file again, or sweep all the same",
        )
