"""What becomes of a device: put in, taken out or left in, done or only planned.

`Foley out`, `the drain was left in place`, `staples will be removed in two weeks`: each is a cue
of the attribute `device` with the device it is said of. Words and names are a list (`devices.tsv`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.context import Scopes
from edgemed.clinic.reading.said import Cue, Said

ATTRIBUTE = "device"
BEHIND, BEFORE = 60, 40  # characters from a device to what becomes of it
NEAR = 80  # characters before a word in which a time or an owner is looked for
BACK = 2  # sentences back in which `it was removed` finds its device
CLAUSE = re.compile(r"[;:?!]|\.\s|\b(?:but|while|although|however)\b", re.I)
# What is inserted or removed is named right after: `removal of the left chest tube`.
OBJECT = re.compile(
    r"\s+(?:of )?(?:(?:the|an?|his|her|my|your|their|both|all|two|this|that|old|new|left|right"
    r"|remaining|previous|temporary|permanent)\s+){0,3}$",
    re.I,
)
# Words for having a device: `has a pacemaker`, `with an indwelling catheter`.
HAS = re.compile(
    r"\b(?:has|have|['’]ve|wears?|wearing|with)(?: got)? "
    r"(?:(?:an?|the|his|her|my|your|no) )?(?:\w+ ){0,2}$",
    re.I,
)
# Between two states of one device: `Foley placed in the ward, then removed`.
CHAINED = re.compile(
    r"(?:,|\b(?:and|then|later|subsequently))\s*(?:(?:it|they|was|were|has|have|been|then|later|now)\s+)*$",
    re.I,
)
AHEAD = re.compile(
    r"(?:\b(?:will|to be|to|should|can|could|may|might|would|plan\w*|schedul\w*|going to|gon na"
    r"|need\w*|requires?|requiring|for|until|when|if|consider\w*|recommend\w*|discuss\w*|want\w*|risks?"
    r"|possible|possibly|pending|next)|['’]ll)\b(?:\W+\w+){0,4}\W*$",
    re.I,
)
DONE = re.compile(r"\b(?:was|were|had|has been|have been|underwent|s/p|status post)\b", re.I)
POINTS = re.compile(r"\b(?:it|that|they|them|these)\b", re.I)
NEGATED = {"in": "none", "out": "stays", "stays": "out"}


class Found(NamedTuple):
    """A name or a word of the list, and where it stands in a sentence."""

    means: tuple[str, ...]
    start: int
    end: int


def device_cues(text: str, offset: int, scopes: Scopes) -> tuple[Cue, ...]:
    """What a sentence that begins at `offset` says of devices.

    A cue that names none points back (`it was removed`), to be resolved by `with_devices`.
    """
    states, devices = _met(text, "state"), _met(text, "device")
    told: list[Cue] = []
    for state in states:
        of = _of(text, state, devices, states)
        if of or (not devices and POINTS.search(text, 0, state.start)):
            value = _value(text, state, scopes)
            span = Span(state.start + offset, state.end + offset)
            told.append(Cue(ATTRIBUTE, value, span, of))
    taken = {name for cue in told for name in cue.of}
    for (name,), start, end in devices:
        if name not in taken and HAS.search(text, max(0, start - NEAR), start):
            value = "none" if scopes.at(start, end).negated else "stays"
            told.append(Cue(ATTRIBUTE, value, Span(start + offset, end + offset), (name,)))
    for (name, value), start, end in _met(text, "bring"):
        negated = scopes.at(start, end).negated
        value = NEGATED[value] if negated else _planned(text, value, start)
        told.append(Cue(ATTRIBUTE, value, Span(start + offset, end + offset), (name,)))
    return tuple(told)


def with_devices(said: Sequence[Said]) -> Iterator[Said]:
    """The sentences, each `it was removed` with the device named last, or dropped."""
    for i, here in enumerate(said):
        if any(c.attribute == ATTRIBUTE and not c.of for c in here.cues):
            before = [c.of for s in said[max(0, i - BACK) : i] for c in s.cues
                      if c.attribute == ATTRIBUTE and c.of]  # fmt: skip
            cues = (c if c.attribute != ATTRIBUTE or c.of else c._replace(of=before[-1])
                    for c in here.cues if before or c.attribute != ATTRIBUTE or c.of)  # fmt: skip
            here = replace(here, cues=tuple(cues))
        yield here


def is_same_device(a: str, b: str) -> bool:
    """Whether two names can mean one device: `catheter` may be a `urinary catheter`."""
    return a == b or a.endswith(f" {b}") or b.endswith(f" {a}")


def _of(
    text: str, state: Found, devices: Sequence[Found], states: Sequence[Found]
) -> tuple[str, ...]:
    """The devices that a state is said of: those right after it, else those before it."""
    cuts = [m.start() for m in CLAUSE.finditer(text)]
    low = max([state.start - BEHIND, *(c for c in cuts if c < state.start)])
    high = min([state.end + BEFORE, *(c for c in cuts if c >= state.end)])
    inside = [d for d in devices if state.start <= d.start and d.end <= state.end]
    if inside:
        return inside[0].means
    behind = [d for d in devices if state.end <= d.start and d.end <= high]
    if behind and OBJECT.fullmatch(text, state.end, behind[0].start):
        return behind[0].means
    chained = CHAINED.search(text, max(0, state.start - NEAR), state.start) is not None
    if not chained:
        low = max([low, *(s.end for s in states if s.end <= state.start)])
    before = [d for d in devices if low <= d.start and d.end <= state.start]
    if before and ("," not in text[before[-1].end : state.start] or chained):
        return tuple(dict.fromkeys(d.means[0] for d in before))
    return behind[0].means if behind else ()


def _value(text: str, state: Found, scopes: Scopes) -> str:
    (value,) = state.means
    context = scopes.at(state.start, state.end)
    if context.negated:
        return NEGATED[value]
    if context.hypothetical:
        return f"planned {value}"
    return _planned(text, value, state.start)


def _planned(text: str, value: str, start: int) -> str:
    """The value, or that it is planned: `will be removed`."""
    clause = max((m.end() for m in CLAUSE.finditer(text, 0, start)), default=0)
    ahead = AHEAD.search(text[max(clause, start - NEAR) : start])
    if value == "stays" or ahead is None or DONE.search(ahead[0]):
        return value
    return f"planned {value}"


def _met(text: str, kind: str) -> list[Found]:
    pattern, meanings = _words(kind)
    return [Found(meanings[m.lastgroup or ""], *m.span()) for m in pattern.finditer(text)]


@cache
def _words(kind: str) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    """The rows of a kind as one pattern, and what each of its groups means."""
    rows = [row[1:] for row in rows_of("devices.tsv") if row[0] == kind]
    groups = "|".join(f"(?P<r{i}>{row[-1]})" for i, row in enumerate(rows))
    pattern = re.compile(rf"(?<![\w-])(?:{groups})(?![\w-])", re.I)
    return pattern, {f"r{i}": row[:-1] for i, row in enumerate(rows)}
