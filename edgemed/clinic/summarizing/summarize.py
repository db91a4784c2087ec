"""Drafts a summary: a note and a template become events, for command line and screen alike.

The prompt is rendered once (`prompt_of`) and counted once (`budget`); what was rendered and counted
is handed on. Everything is refused before the first event: an empty note, a prompt that does not
fit. Nothing is ever cut from a note to make it fit. Knows nothing about files, records or how a
model runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgemed_models.base import Event, LanguageModel, Message, ModelError, Piece, Request

from edgemed.amounts import amount
from edgemed.clinic.note import HIDDEN, SHOWN, Note, refuse_unusable
from edgemed.clinic.summarizing.template import Template, fenced, messages
from edgemed.errors import Refused


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model reads for a draft, how many tokens the draft may take, and its schema.

    `shared`: the characters of the last message with which every draft of the note begins.
    """

    messages: tuple[Message, ...]
    answer: range
    schema: str | None
    shared: int = 0


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


class TooLong(Refused):
    """A note that the model has no room for, said in tokens. `room`: about how much of it, from 0
    to 1, there is room for."""

    def __init__(self, needed: Budget, prompt: Prompt) -> None:
        both = needed.prompt + needed.answer
        over = both - needed.context
        super().__init__(
            f"the note does not fit: {needed.prompt} tokens with its instruction + {needed.answer} "
            f"for the draft = {both}, the context has {needed.context}",
            f"{amount(over, 'token')} too many: "
            "give a shorter note, or a larger context if memory allows",
        )
        characters = sum(len(message.content) for message in prompt.messages)
        of_note = needed.prompt * prompt.shared / characters
        self.room = max(0.0, 1.0 - over / of_note)


def answer_range(template: Template, max_tokens: int | None = None) -> range:
    """How many tokens a draft may be held to: what the user said, else the template's limit.

    That limit is a ceiling and not what a draft takes, so half of it will do where a model has no
    room for more; a draft that reaches its limit is marked as cut.
    """
    if max_tokens is not None:
        return range(max_tokens, max_tokens + 1)
    return range(template.max_tokens // 2, template.max_tokens + 1)


def prompt_of(note: Note, template: Template, max_tokens: int | None = None) -> Prompt:
    """The prompt of `note` by `template`, rendered."""
    answer = answer_range(template, max_tokens)
    shared = len(fenced(note.text))
    return Prompt(messages(template, note), answer, template.schema_text, shared)


def budget(model: LanguageModel, prompt: Prompt, tokens: int | None = None) -> Budget:
    """What a prompt costs on `model`; `tokens` where the planning has counted it already."""
    try:
        read = model.count(prompt.messages) if tokens is None else tokens
    except ModelError as error:
        raise Refused(error.message, error.hint) from None
    most = prompt.answer
    return Budget(read, max(most[0], min(most[-1], model.context - read)), model.context)


def request_of(prompt: Prompt, max_tokens: int, temperature: float = 0.0, seed: int = 0) -> Request:
    """What the model is asked for one draft."""
    return Request(
        prompt.messages,
        max_tokens,
        temperature,
        seed,
        schema=prompt.schema,
        shared=prompt.shared,
        stop_loops=prompt.schema is None,  # a schema limits itself, and must be complete
    )


def request_fitting(
    model: LanguageModel,
    prompt: Prompt,
    tokens: int | None = None,
    temperature: float = 0.0,
    seed: int = 0,
) -> Request:
    """What the model is asked, with as long a draft as there is room for; `tokens`: see `budget`.

    Raises Refused, with the numbers, where prompt and draft do not fit the model's context.
    """
    needed = budget(model, prompt, tokens)
    if not needed.fits:
        raise TooLong(needed, prompt)
    return request_of(prompt, needed.answer, temperature, seed)


def request_for(model: LanguageModel, note: Note, template: Template) -> Request:
    """What the model is asked for a draft of `note` by `template`.

    Raises Refused before anything runs: for a note that is empty or too short, and for one that
    does not fit.
    """
    refuse_unusable(note)
    return request_fitting(model, prompt_of(note, template))


def write(model: LanguageModel, request: Request) -> Iterator[Event]:
    """The draft: Prefill..., Piece..., then one Done or Failed.

    Text of a structured template is JSON; `template.readable` turns it into lines.
    """
    return shown(model.generate(request))


def shown(events: Iterator[Event]) -> Iterator[Event]:
    """The events, control characters of the answer made visible: no terminal may obey them."""
    for event in events:
        if isinstance(event, Piece):
            yield replace(event, text=HIDDEN.sub(SHOWN, event.text))
        else:
            yield event
