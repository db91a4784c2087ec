"""Lets the model read a note before it is known what to write about it.

A prompt is rules, note, instruction, in this order, and the engine keeps what it has read: a
draft asked for later, and any further one, only needs to read its instruction.
"""

from collections.abc import Iterator

from edgemed_models.base import Event, LanguageModel, Message, Request

from edgemed.clinic.note import Note
from edgemed.clinic.summarizing.template import RULES, fenced


def read_ahead(model: LanguageModel, note: Note) -> Iterator[Event]:
    """The events of reading rules and note; yields nothing where they do not fit the model."""
    text = fenced(note.text)
    messages = (Message("system", RULES), Message("user", text))
    if model.count(messages) < model.context:
        yield from model.generate(Request(messages, max_tokens=1, shared=len(text)))
