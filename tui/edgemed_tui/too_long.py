"""The refusal of a note that is too long for the model, in words for a clinician: no tokens."""

from collections.abc import Iterator
from contextlib import contextmanager

from edgemed.clinic.summarizing.summarize import TooLong
from edgemed.errors import Refused

STEP = 5  # per cent: the share is a guess by length
ON_SCREEN = "ctrl+l: a model with more room; or ctrl+n, then ctrl+v: paste the parts that matter"
LINE_BY_LINE = "type: model, for one with more room; or paste, with the parts that matter"


@contextmanager
def said(ways: str) -> Iterator[None]:
    """The refusal of a note that is too long, with the `ways` out of it."""
    try:
        yield
    except TooLong as error:
        raise Refused(words(error), ways) from None


def words(error: TooLong) -> str:
    """How much of the note there is room for."""
    percent = int(100 * error.room) // STEP * STEP
    if not percent:
        return "this model has no room for a note with this template"
    return f"the note is too long: this model has room for about {percent} % of it"
