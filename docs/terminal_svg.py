"""A terminal's content as a small SVG: one path per background colour, text in runs of one style.

Textual's own export of a screen is about six times as large, and asks the network for a font.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

CELL, ROW = 8.4, 17  # pixels of a character and of a line, at 14 pixels a letter
BASE = 13  # pixels from the top of a line to the foot of its letters
PAD = 8
DIMMED = 0.5
WORDS = re.compile(r"\S+(?: \S+)*")


class Look(NamedTuple):
    """How a run of text looks."""

    colour: str
    bold: bool
    italic: bool
    underline: bool


class Run(NamedTuple):
    """Text of one style in a line, from a column on."""

    column: int
    text: str
    look: Look


def svg(strips: Sequence[Strip], size: tuple[int, int], front: str, back: str) -> str:
    """`strips` of `size` columns and rows, on the colours of a theme."""
    width, height = size[0] * CELL + 2 * PAD, size[1] * ROW + 2 * PAD
    areas: defaultdict[str, list[str]] = defaultdict(list)
    looks: dict[Look, str] = {}
    lines: list[str] = []
    for y, strip in enumerate(strips):
        for column, cells, colour in backgrounds(strip, back):
            place = f"M{column * CELL:.4g} {y * ROW}h{cells * CELL:.4g}v{ROW}h-{cells * CELL:.4g}z"
            areas[colour].append(place)
        lines += [drawn(run, y, looks) for run in runs(strip, front, back)]
    rules = "".join(f".{name}{{{rule(look)}}}" for look, name in looks.items())
    paths = "".join(f'<path fill="{c}" d="{"".join(d)}"/>' for c, d in areas.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.4g} {height}">'
        f"<style>text{{font:14px Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}}"
        f"{rules}</style>"
        f'<rect width="100%" height="100%" rx="6" fill="{back}"/>'
        f'<g transform="translate({PAD} {PAD})">{paths}{"".join(lines)}</g></svg>\n'
    )


def colours(style: Style | None, front: str, back: str) -> tuple[str, str]:
    """A style's colours of text and background."""
    style = style or Style()
    found = Color.from_rich_color(style.color).hex if has(style.color) else front
    behind = Color.from_rich_color(style.bgcolor).hex if has(style.bgcolor) else back
    if style.reverse:
        found, behind = behind, found
    if style.dim:
        found = Color.parse(behind).blend(Color.parse(found), DIMMED).hex
    return found[:7].lower(), behind[:7].lower()


def has(colour: object) -> bool:
    """Whether a colour is set and is not the terminal's default."""
    return colour is not None and not getattr(colour, "is_default", False)


def backgrounds(strip: Strip, back: str) -> Iterator[tuple[int, int, str]]:
    """Column, length and colour of parts that are not on the theme's background."""
    column = start = 0
    last = back
    for segment in strip:
        behind = colours(segment.style, back, back)[1]
        if behind != last:
            if last != back and column > start:
                yield start, column - start, last
            start, last = column, behind
        column += cell_len(segment.text)
    if last != back and column > start:
        yield start, column - start, last


def runs(strip: Strip, front: str, back: str) -> Iterator[Run]:
    """What is written, without the spaces around it."""
    column = 0
    open_run: Run | None = None
    for segment in strip:
        style, text = segment.style or Style(), segment.text
        colour = colours(style, front, back)[0]
        look = Look(colour, bool(style.bold), bool(style.italic), bool(style.underline))
        if open_run is not None and open_run.look == look:
            open_run = open_run._replace(text=open_run.text + text)
        else:
            yield from trimmed(open_run)
            open_run = Run(column, text, look)
        column += cell_len(text)
    yield from trimmed(open_run)


def trimmed(run: Run | None) -> Iterator[Run]:
    """A run's words, apart where more than one space is between them."""
    if run is not None:
        for found in WORDS.finditer(run.text):
            column = run.column + cell_len(run.text[: found.start()])
            yield run._replace(column=column, text=found[0])


def drawn(run: Run, y: int, looks: dict[Look, str]) -> str:
    """One run; its length is set, so that it fits with any font."""
    name = looks.setdefault(run.look, f"t{len(looks)}")
    x, length = run.column * CELL, cell_len(run.text) * CELL
    return (
        f'<text class="{name}" x="{x:.4g}" y="{y * ROW + BASE}" textLength="{length:.4g}">'
        f"{escape(run.text, quote=False)}</text>"
    )


def rule(look: Look) -> str:
    """A look as CSS."""
    words = [f"fill:{look.colour}"]
    words += ["font-weight:bold"] if look.bold else []
    words += ["font-style:italic"] if look.italic else []
    words += ["text-decoration:underline"] if look.underline else []
    return ";".join(words)
