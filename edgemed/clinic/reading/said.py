"""One sentence and what was read in it, as data."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.concepts import Concept
from edgemed.clinic.reading.context import Context
from edgemed.clinic.reading.dates import Date
from edgemed.clinic.reading.people import Person
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.sides import Sided
from edgemed.clinic.sentences import Sentence
from edgemed.clinic.words import Word

Polarity = Literal["yes", "no", "open"]
# What makes a statement end like a question: `the x-ray shows a stone, okay?`
TAG = re.compile(
    r"\b(?:okay|ok|all right|alright|right|correct|you know|yeah|see)\W*$", re.IGNORECASE
)


class Cue(NamedTuple):
    """What is said of named things: an attribute, its value, where, and of what.

    `spoken`: in words of talk that can support a draft and claim nothing by themselves.
    """

    attribute: str
    value: str
    span: Span
    of: tuple[str, ...]
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept where it is named, whether it is affirmed, and of whom."""

    concept: Concept
    span: Span
    polarity: Polarity
    context: Context


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence and all that was read in it."""

    sentence: Sentence
    words: tuple[Word, ...]
    quantities: tuple[Quantity, ...]
    dates: tuple[Date, ...]
    mentions: tuple[Mention, ...]
    sides: tuple[Sided, ...]
    people: tuple[Person, ...]
    cues: tuple[Cue, ...] = ()
    rest_says: str = ""  # the patient's sex by the other sentences of the text
    carried: str = ""  # the person still spoken of from the sentence before
    names_allergens: bool = False  # it answers a question about allergies

    @property
    def asks(self) -> bool:
        """Whether it asks; `okay?` after a statement asks nothing."""
        text = self.sentence.text
        return text.endswith("?") and TAG.search(text) is None
