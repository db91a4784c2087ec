"""A chat template around messages, as pieces that are either scaffolding or literal text.

The template is rendered with a marker in place of each message's text, then cut at the markers. So
the template never sees the text of a message, and control tokens are never looked for in it.
Templates are third-party code and run in Jinja's immutable sandbox.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from edgemed_models.base import Message, ModelError

MARK = "\ue000edgemed:{}\ue001"  # private-use characters: no template tests for them
LONGEST_REASON = 200
MARKS = re.compile("\ue000edgemed:([0-9]+)\ue001")


class Segment(NamedTuple):
    """A piece of a prompt; `literal` text comes from a message and has no control tokens."""

    text: str
    literal: bool


Render = Callable[[str, Sequence[tuple[str, str]], dict[str, str]], str]
"""A template's text for (role, content) turns and names; raises TemplateRefusal or ModelError."""


class TemplateRefusal(Exception):
    """A template's own error, if it cannot render the roles it was given."""


def segments(
    template: str, messages: Sequence[Message], bos: str, eos: str, render: Render
) -> list[Segment]:
    """`messages` in `template`, ready for the answer. Raises ModelError if it cannot be used.

    If a template has no place for a system message (it refuses or drops one), the system text is
    put at the start of the first user message, as is usual for such models.
    """
    names = {"bos_token": bos, "eos_token": eos}
    turns = [(message.role, MARK.format(i)) for i, message in enumerate(messages)]
    refusal: TemplateRefusal | None = None
    try:
        rendered = render(template, turns, names)
        found = marked(rendered)
    except TemplateRefusal as reason:
        found, refusal = [], reason
    if found != list(range(len(messages))) and len(turns) > 1 and turns[0][0] == "system":
        merged = [("user", f"{turns[0][1]}\n\n{turns[1][1]}"), *turns[2:]]
        try:
            rendered = render(template, merged, names)
            found, refusal = marked(rendered), None
        except TemplateRefusal as reason:
            refusal = reason
    if refusal is not None:
        raise refused(refusal, messages)
    if found != list(range(len(messages))):
        raise ModelError(
            "the chat template does not show every message once and in order",
            "give another chat template",
        )
    return cut(rendered, messages)


def marked(rendered: str) -> list[int]:
    """The numbers of the messages in `rendered`, in order."""
    return [int(number) for number in MARKS.findall(rendered)]


def cut(rendered: str, messages: Sequence[Message]) -> list[Segment]:
    """Scaffolding and message texts, alternating; empty pieces are left out."""
    pieces = MARKS.split(rendered)
    found = [
        Segment(messages[int(piece)].content, True) if i % 2 else Segment(piece, False)
        for i, piece in enumerate(pieces)
    ]
    return [segment for segment in found if segment.text]


def refused(refusal: TemplateRefusal, messages: Sequence[Message]) -> ModelError:
    """The template's own reason as an error for the user, on one line and not too long."""
    reason, roles = brief(refusal), ", ".join(message.role for message in messages)
    return ModelError(
        f"the chat template refuses these messages ({roles}): {reason}",
        "give another chat template, or use another model",
    )


def brief(error: Exception) -> str:
    """A template's error text on one line, shortened; the caller must make it printable."""
    said = " ".join(str(error).split())
    return f"{said[:LONGEST_REASON]}..." if len(said) > LONGEST_REASON else said


def render(template: str, turns: Sequence[tuple[str, str]], names: dict[str, str]) -> str:
    """The template's text for (role, content) turns, ending where the answer begins.

    Names and filters follow the Hugging Face convention that templates are written for. The date is
    left undefined, so that the same messages give the same prompt every day.
    """
    import jinja2

    try:
        rendered: str = compiled(template).render(
            messages=[{"role": role, "content": content} for role, content in turns],
            add_generation_prompt=True,
            raise_exception=refuse,
            tools=None,
            documents=None,
            enable_thinking=False,
            **names,
        )
        return rendered
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"the chat template fails: {type(error).__name__}: {brief(error)}",
            "give another chat template",
        ) from None


def refuse(message: str) -> NoReturn:
    """The function that a template calls to refuse its input."""
    raise TemplateRefusal(message)


@lru_cache(maxsize=4)
def compiled(template: str) -> Any:
    """The compiled template, cached: compiling takes longer than rendering."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = plain_json
    return environment.from_string(template)


def prepare() -> None:
    """Load what rendering needs, ahead of the first rendering."""
    compiled("")


def plain_json(value: Any, indent: int | None = None) -> str:
    """JSON without HTML escapes, as templates expect."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=indent)
