"""A note and a template become a stream of events: the one way for command line and screen.

Everything is refused before the first event: an empty note, a prompt that does not fit. Nothing is
ever cut from a note to make it fit. Knows nothing of files, records or how a model runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgemed_models.base import Event, Model, ModelError, Piece, Request

from edgemed.clinic.note import HIDDEN, SHOWN, Note, refuse_unusable
from edgemed.clinic.template import Template, messages
from edgemed.errors import Refused


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens of one request: what the prompt takes, what the answer may, what there is."""

    prompt: int
    answer: int
    context: int

    @property
    def fits(self) -> bool:
        """Whether prompt and answer have room."""
        return self.prompt + self.answer <= self.context


def answer_range(template: Template, max_tokens: int | None = None) -> range:
    """How many tokens a draft may be held to: what the user said, else the template's limit.

    That limit is a ceiling and not what a draft takes, so half of it will do where a model has no
    room for more; a draft that reaches its limit is marked as cut.
    """
    if max_tokens is not None:
        return range(max_tokens, max_tokens + 1)
    return range(template.max_tokens // 2, template.max_tokens + 1)


def budget(model: Model, note: Note, template: Template, max_tokens: int | None = None) -> Budget:
    """What `note` costs with `template` on `model`, in tokens."""
    answer = answer_range(template, max_tokens)
    try:
        prompt = model.count(messages(template, note))
    except ModelError as error:
        raise Refused(error.message, error.hint) from None
    fitting = max(answer[0], min(answer[-1], model.context - prompt))
    return Budget(prompt, fitting, model.context)


def summarize(
    model: Model,
    note: Note,
    template: Template,
    *,
    max_tokens: int | None = None,
    temperature: float = 0.0,
    seed: int = 0,
) -> Iterator[Event]:
    """Draft `note` by `template`: Prefill..., Piece..., then one Done or Failed.

    Raises Refused before anything runs: for a note that is empty or too short, and for one whose
    prompt and answer do not fit the model's context, with the numbers. Draft text of a structured
    template is JSON; `template.readable` turns it into lines.
    """
    refuse_unusable(note)
    needed = budget(model, note, template, max_tokens)
    if not needed.fits:
        raise refusal(needed)
    return shown(model.generate(request_for(note, template, needed.answer, temperature, seed)))


def request_for(
    note: Note, template: Template, max_tokens: int, temperature: float = 0.0, seed: int = 0
) -> Request:
    """What the model is asked for one draft."""
    return Request(
        messages=messages(template, note),
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        schema=template.schema_text,
        stop_loops=template.form == "text",  # a schema has limits of its own, and needs its end
    )


def shown(events: Iterator[Event]) -> Iterator[Event]:
    """The events with control characters of the answer shown: a terminal must not obey them."""
    for event in events:
        if isinstance(event, Piece):
            yield replace(event, text=HIDDEN.sub(SHOWN, event.text))
        else:
            yield event


def refusal(needed: Budget) -> Refused:
    """Why a note is too long, in tokens, and what would fit."""
    over = needed.prompt + needed.answer - needed.context
    return Refused(
        f"the note does not fit: {needed.prompt} tokens with its instruction + {needed.answer} "
        f"for the draft = {needed.prompt + needed.answer}, the context has {needed.context}",
        f"{over} tokens too many: give a larger --context if memory allows, a shorter note, "
        "or draft it part by part with `edgemed summarize --plan`",
    )
