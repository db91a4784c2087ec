"""Slots and choices from which invented cases are composed; every draw is from one seeded Random.

A slot is written as text: "3..9" is a number between these (with as many decimals as the first
has), "left|right" one of these words, "size - 2" is computed from another slot, and "other side" is
the opposite of that slot's. In a sentence `{size}` stands for its value, `{Size}` for the same with
a capital.
"""

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

Slots = dict[str, str]
RANGE = re.compile(r"(\d+(?:\.(\d+))?)\.\.(\d+(?:\.\d+)?)")
RECKONED = re.compile(r"(\w+) ([-+]) (\d+(?:\.\d+)?)")
OPPOSITE = {"left": "right", "right": "left"}
SLOT = re.compile(r"\{(\w+)\}")


def drawn(rng: Random, told: Mapping[str, str], slots: Slots) -> None:
    """Adds a value to `slots` for each slot of `told` that has none. ValueError for a bad slot."""
    for name, spec in told.items():
        if name not in slots:
            slots[name] = value_of(rng, spec, slots)


def value_of(rng: Random, spec: str, slots: Slots) -> str:
    """One slot's value."""
    if found := RANGE.fullmatch(spec):
        places = len(found[2] or "")
        low, high = (round(float(end) * 10**places) for end in (found[1], found[3]))
        return f"{rng.randint(low, high) / 10**places:.{places}f}"
    if found := RECKONED.fullmatch(spec):
        name, sign, by = found.groups()
        places = len(slots[name].partition(".")[2])
        number = float(slots[name]) + (float(by) if sign == "+" else -float(by))
        return f"{number:.{places}f}"
    if spec.startswith("other "):
        return OPPOSITE.get(slots.get(spec.removeprefix("other "), ""), rng.choice(list(OPPOSITE)))
    return rng.choice(spec.split("|"))


def filled(sentence: str, slots: Slots) -> str:
    """The sentence with its slots. KeyError for one that is not known."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        return slots[name] if name in slots else capital(slots[name[0].lower() + name[1:]])

    return SLOT.sub(value, sentence)


def capital(text: str) -> str:
    """The text with a capital first."""
    return text[:1].upper() + text[1:]


def one(rng: Random, told: str | Sequence[Any]) -> Any:
    """A text as it is; one of several."""
    return told if isinstance(told, str) else rng.choice(told)


def ended(text: str) -> str:
    """The text with a full stop at its end."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def joined(parts: Sequence[str], between: str = " ") -> str:
    """The parts that are not empty."""
    return between.join(part for part in parts if part)
