"""Demanded formats: how each is asked for, written, checked and removed.

A *layout* is the form of an answer's lines; a *frame* puts text before or after the whole answer.
Both work on any lines, so a format learned on shopping lists can be required of a summary.
"""

import json
import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

Lines = tuple[str, ...]


class Layout(NamedTuple):
    """`write(lines)` and its inverse `read(text)`, which is None if the text has another form."""

    requests: tuple[str, ...]
    write: Callable[[Lines], str]
    read: Callable[[str], Lines | None]


def marked(requests: tuple[str, ...], before: str, after: str = "") -> Layout:
    """A layout with one line per item, and a mark before and after each."""

    def read(text: str) -> Lines | None:
        rows = text.split("\n")
        fits = all(
            r.startswith(before) and r.endswith(after) and len(r) > len(before) for r in rows
        )
        return tuple(r[len(before) : len(r) - len(after)] for r in rows) if fits else None

    return Layout(requests, lambda lines: "\n".join(f"{before}{x}{after}" for x in lines), read)


def joined(requests: tuple[str, ...], between: str) -> Layout:
    """A layout on one line, with `between` between the items."""

    def read(text: str) -> Lines | None:
        return None if "\n" in text else tuple(text.split(between))

    return Layout(requests, between.join, read)


def counted(requests: tuple[str, ...], shape: str) -> Layout:
    """A layout whose marks count from 1; `shape` holds the number as {n}."""

    def read(text: str) -> Lines | None:
        rows = text.split("\n")
        marks = [shape.format(n=n + 1) for n in range(len(rows))]
        if not all(row.startswith(mark) for row, mark in zip(rows, marks, strict=True)):
            return None
        return tuple(row[len(mark) :] for row, mark in zip(rows, marks, strict=True))

    def write(lines: Lines) -> str:
        return "\n".join(f"{shape.format(n=n + 1)}{x}" for n, x in enumerate(lines))

    return Layout(requests, write, read)


def json_list(requests: tuple[str, ...], key: str) -> Layout:
    """A JSON object with one key and a list of strings."""

    def read(text: str) -> Lines | None:
        try:
            value = json.loads(text)
        except ValueError:
            return None
        found = value.get(key) if isinstance(value, dict) and len(value) == 1 else None
        fits = isinstance(found, list) and all(isinstance(x, str) for x in found)
        return tuple(found) if fits and found is not None else None

    return Layout(requests, lambda lines: json.dumps({key: list(lines)}), read)


LAYOUTS: dict[str, Layout] = {
    "dashes": marked(("Put a dash before each line.", "Use dashes.", "Answer with dashes."), "- "),
    "stars": marked(("Put a star before each line.", "Use stars.", "Answer with stars."), "* "),
    "arrows": marked(("Put an arrow before each line.", "Use arrows."), "-> "),
    "numbers": counted(("Number the lines.", "Use a numbered list.", "Number them."), "{n}. "),
    "points": counted(("Begin each line with Point and its number.", "Use points."), "Point {n}: "),
    "brackets": marked(("Put each line in square brackets.", "Use square brackets."), "[ ", " ]"),
    "quotes": marked(("Put each line in quotes.", "Use quotes."), '" ', ' "'),
    "semicolons": joined(("Use one line with semicolons.", "Separate with semicolons."), "; "),
    "bars": joined(("Use one line with bars.", "Separate with bars."), " | "),
    "slashes": joined(("Use one line with slashes.", "Separate with slashes."), " / "),
    "asterisks": joined(("Separate the parts with three stars in one line.",), " *** "),
    "json-items": json_list(
        ("Answer in JSON with the key items.", "Use JSON, key items."), "items"
    ),
    "json-list": json_list(("Answer in JSON with the key list.", "Use JSON, key list."), "list"),
}


class Frame(NamedTuple):
    """Text before and after the answer; `requests` and both may hold {phrase}."""

    requests: tuple[str, ...]
    before: str
    after: str
    phrases: tuple[str, ...]


FRAMES: dict[str, Frame] = {
    "start": Frame(
        ("Begin with: {phrase}", "Start your answer with: {phrase}"),
        "{phrase}\n",
        "",
        ("Here it is.", "Sure.", "My answer is this.", "As you asked.", "Of course.", "In short."),
    ),
    "end": Frame(
        ("End with: {phrase}", "Finish your answer with: {phrase}"),
        "",
        "\n{phrase}",
        ("That is all.", "I hope this helps.", "Any questions?", "The end.", "Best wishes."),
    ),
    "title": Frame(
        ("Give it the title {phrase} in double angle brackets.", "Add the title {phrase}."),
        "<< {phrase} >>\n",
        "",
        ("Overview", "Notes", "Short list", "Report", "Answer", "Main points"),
    ),
    "postscript": Frame(
        ("Add a postscript: {phrase}", "At the end add P.S. and: {phrase}"),
        "",
        "\nP.S. {phrase}",
        ("See you soon.", "Please reply.", "Keep this.", "Call me.", "No hurry."),
    ),
}


def read_layout(text: str, layout: str) -> Lines | None:
    """The lines of `text` in a layout ("" for plain lines), or None if it has another form."""
    if not layout:
        return tuple(text.split("\n"))
    return LAYOUTS[layout].read(text)


def write_layout(lines: Lines, layout: str) -> str:
    """`lines` in a layout, or as plain lines for ""."""
    return LAYOUTS[layout].write(lines) if layout else "\n".join(lines)


def draw_frame(rng: Random, frame: str) -> tuple[str, str, str]:
    """A request for `frame`, and the exact text before and after the answer."""
    if not frame:
        return "", "", ""
    chosen = FRAMES[frame]
    phrase = rng.choice(chosen.phrases)
    return tuple(  # type: ignore[return-value]
        text.format(phrase=phrase)
        for text in (rng.choice(chosen.requests), chosen.before, chosen.after)
    )


def demand(layout: str, rng: Random) -> str:
    """A request for `layout`."""
    return rng.choice(LAYOUTS[layout].requests) if layout else ""


def words_of(text: str) -> list[str]:
    """The words of `text` in order, without marks."""
    return re.findall(r"[A-Za-z0-9'-]+", text)
