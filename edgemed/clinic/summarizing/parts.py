"""A note too long for one pass, drafted in parts: the plan states each part, and nothing is lost.

Parts are whole sections as far as they fit, else whole sentences; together they cover every
character of the note. Each part gets a draft of its own under a heading; nothing is condensed a
second time, because that is where facts would vanish.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edgemed_models.base import Done, Event, Failed, LanguageModel, Piece, StopReason, Timings

from edgemed.amounts import amount
from edgemed.clinic.findings import Span
from edgemed.clinic.note import Note, parse
from edgemed.clinic.summarizing.summarize import budget, prompt_of, request_of, write
from edgemed.clinic.summarizing.template import Template
from edgemed.errors import Refused

MANY = 888  # a number of parts with as many digits as any


@dataclass(frozen=True, slots=True)
class NotePart:
    """A stretch of the note, the headings in it, and the tokens of its prompt."""

    span: Span
    titles: tuple[str, ...]
    tokens: int


def divide(
    model: LanguageModel, note: Note, template: Template, answer: range
) -> tuple[int, tuple[NotePart, ...]]:
    """How many tokens each draft may take, and the fewest parts that each fit with theirs.

    The largest of `answer`, or where no division has room for that the smallest; Refused if one
    piece cannot fit at all.
    """
    try:
        return answer[-1], divided(model, note, template, answer[-1])
    except Refused:
        return answer[0], divided(model, note, template, answer[0])


def divided(
    model: LanguageModel, note: Note, template: Template, max_tokens: int
) -> tuple[NotePart, ...]:
    """Parts taken greedily, for drafts of `max_tokens` each."""
    parts: list[NotePart] = []
    for piece in pieces_of(note):
        if parts:
            longer = Span(parts[-1].span.start, piece.end)
            if joined := fitting(model, note, template, longer, max_tokens):
                parts[-1] = joined
                continue
        alone = fitting(model, note, template, piece, max_tokens)
        if alone is None:
            raise unfit(piece, model.context)
        parts.append(alone)
    return tuple(parts)


def unfit(piece: Span, context: int) -> Refused:
    """Why a note cannot be divided: one piece of it is too long by itself."""
    return Refused(
        f"characters {piece.start} to {piece.end} of the note are one piece that does not fit "
        f"the context of {amount(context, 'token')} with its draft",
        "give a larger context, or ask for a smaller draft",
    )


def pieces_of(note: Note) -> Iterator[Span]:
    """The smallest pieces a part is made of: a heading with its first sentence, then sentences.

    Pieces follow one another without a gap from the first character to the last.
    """
    starts = [s.start for s in note.sentences if not heads(note, s.start)]
    starts += [section.heading.start for section in note.sections]
    cuts = sorted({0, *starts})
    for start, end in zip(cuts, [*cuts[1:], len(note.text)], strict=True):
        if end > start:
            yield Span(start, end)


def heads(note: Note, start: int) -> bool:
    """Whether only a heading is between the start of its section and `start`."""
    return any(
        section.heading.start <= start <= section.heading.end
        or (section.body.start <= start and not note.text[section.body.start : start].strip())
        for section in note.sections
    )


def fitting(
    model: LanguageModel, note: Note, template: Template, span: Span, max_tokens: int
) -> NotePart | None:
    """The part at `span` if its prompt and draft fit the context."""
    told = for_part(template, MANY, MANY)  # how many there will be is not known yet
    needed = budget(model, prompt_of(parse(note.at(span)), told, max_tokens))
    titles = tuple(s.title for s in note.sections if s.title and within(s.heading, span))
    return NotePart(span, titles, needed.prompt) if needed.fits else None


def within(inner: Span, outer: Span) -> bool:
    """Whether `inner` begins inside `outer`."""
    return outer.start <= inner.start < outer.end


def stated(parts: Sequence[NotePart], limit: int) -> list[str]:
    """The plan as lines to show before it runs: every character has its part."""
    lines = [
        f"the note is drafted in {amount(len(parts), 'part')}, each in at most "
        f"{amount(limit, 'token')}; each draft goes under its own heading"
    ]
    for number, part in enumerate(parts, start=1):
        named = ", ".join(part.titles) or "no heading"
        start, end = part.span
        lines.append(
            f"part {number}: characters {start} to {end}, {amount(part.tokens, 'token')}: {named}"
        )
    return lines


def summarize_parts(
    model: LanguageModel,
    note: Note,
    template: Template,
    parts: Sequence[NotePart],
    *,
    max_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
) -> Iterator[Event]:
    """All parts in turn as one stream with one ending; a cut part makes the whole incomplete."""
    total = Timings(0, 0.0, 0, 0.0)
    reason: StopReason = "stop"
    for number, part in enumerate(parts, start=1):
        yield Piece(("\n\n" if number > 1 else "") + heading(number, len(parts), part) + "\n")
        told = for_part(template, number, len(parts))
        prompt = prompt_of(parse(note.at(part.span)), told, max_tokens)
        for event in write(model, request_of(prompt, max_tokens, temperature, seed)):
            if isinstance(event, Done):
                total, reason = add(total, event.timings), worse(reason, event.reason)
            elif isinstance(event, Failed):
                yield event
                return
            else:
                yield event
        if reason == "cancelled":
            break
    yield Done(reason, total)


def heading(number: int, count: int, part: NotePart) -> str:
    """The line above a part's draft."""
    named = f" ({', '.join(part.titles)})" if part.titles else ""
    return f"PART {number} OF {count}{named}"


def for_part(template: Template, number: int, count: int) -> Template:
    """The template, told that it sees a part: what other parts hold is not "not stated"."""
    told = (
        f"The text above is part {number} of {count} of a longer note. Write only what this part "
        "supports and leave out headings that it says nothing about.\n"
    )
    return replace(template, instruction=told + template.instruction)


def add(one: Timings, other: Timings) -> Timings:
    """Both generations together."""
    return Timings(
        one.prompt_tokens + other.prompt_tokens,
        one.prompt_seconds + other.prompt_seconds,
        one.answer_tokens + other.answer_tokens,
        one.answer_seconds + other.answer_seconds,
        one.kept_tokens + other.kept_tokens,
    )


def worse(one: StopReason, other: StopReason) -> StopReason:
    """The less complete of two endings."""
    return max(one, other, key=("stop", "length", "loop", "cancelled").index)
