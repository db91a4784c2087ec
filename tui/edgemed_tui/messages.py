"""What widgets and workers tell the screen above them: plain data, upwards only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemed_models.answer import Answer
from edgemed_models.base import Prefill
from textual.message import Message

from edgemed.clinic.case.drafting import Draft
from edgemed.clinic.case.session import Finding
from edgemed.clinic.findings import Omission, Review
from edgemed_tui.services import ModelChoice


@dataclass
class Reading(Message):
    """The model has read another part of the prompt."""

    progress: Prefill


@dataclass
class ModelReady(Message):
    """A model is loaded."""

    choice: ModelChoice
    context: int


@dataclass
class ModelHashed(Message):
    """The SHA-256 of a model's file is known, and that of its recipe."""

    choice: ModelChoice
    known: ModelChoice


@dataclass
class ModelFailed(Message):
    """A model could not be loaded."""

    choice: ModelChoice
    message: str
    hint: str


@dataclass
class DraftRefused(Message):
    """No draft was begun."""

    draft: Draft
    message: str
    hint: str


@dataclass
class DraftGrew(Message):
    """The model has written more: `tokens` in all, `seconds` after the first."""

    draft: Draft
    text: str
    tokens: int
    seconds: float


@dataclass
class DraftEnded(Message):
    """The model has ended, or the engine has failed; `settings` are what decided the draft."""

    draft: Draft
    answer: Answer
    settings: Mapping[str, Any]


@dataclass
class Checked(Message):
    """`text` was checked against the note."""

    text: str
    review: Review


@dataclass
class CheckFailed(Message):
    """The check failed; `where` gives type and place, or what is wrong and the remedy."""

    where: str


@dataclass
class DraftEdited(Message):
    """The clinician has changed the text of document `number`."""

    text: str
    number: int


@dataclass
class DismissAsked(Message):
    """Set this finding aside, or take that back."""

    finding: Finding


@dataclass
class InsertAsked(Message):
    """Carry this omitted fact into the draft."""

    omission: Omission


@dataclass
class NotePasted(Message):
    """A note was pasted."""

    text: str
