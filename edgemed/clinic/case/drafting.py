"""A draft of a case: its template, how it ended, and the text to show."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edgemed_models.answer import Answer

from edgemed.clinic.case.session import Session, added_to
from edgemed.clinic.summarizing.template import Template, fill, readable
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.errors import EdgemedError

FIELD = "field "
"""Prefix of a template's field among a draft's settings."""


@dataclass(frozen=True, eq=False)
class Draft:
    """A draft that is being written; compared by identity."""

    template: Template


class Ended(NamedTuple):
    """How a draft ended, and what the user must be told about it.

    "draft": it was kept; "earlier text": it broke off, and the earlier text stays; "nothing": no
    word was written; "another case": its case was left in the meantime.
    """

    became: Literal["draft", "earlier text", "nothing", "another case"]
    faults: tuple[EdgemedError, ...] = ()


def as_lines(template: Template, answer: Answer) -> tuple[str, tuple[EdgemedError, ...]]:
    """The draft in readable form; if it is left as the model wrote it, also why."""
    if not answer.complete:
        return answer.text, ()
    try:
        return readable(template, answer.text), ()
    except EdgemedError as error:
        return answer.text, (error,)


def field_settings(template: Template) -> dict[str, str]:
    """What a draft's record says of the template's fields."""
    return {f"{FIELD}{name}": value for name, value in template.values.items()}


def template_of(session: Session) -> Template | None:
    """The template of the open draft, or of the text that the open addendum adds to, with its
    fields as they were; None where a clinician wrote it, or the template is gone."""
    base = added_to(session)
    origin = session.origin or (base.origin if base else None)
    if origin is None:
        return None
    given = {name.removeprefix(FIELD): v for name, v in origin.settings if name.startswith(FIELD)}
    with suppress(EdgemedError):
        return fill(load_template(origin.template), given)
    return None
