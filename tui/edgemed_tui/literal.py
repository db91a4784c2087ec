"""The only way for text to reach the screen: literally, with no character read as markup.

Textual reads square brackets in strings as markup, so that "Na 128 [L]" would lose its flag. Here
a string becomes `Content`, which is never parsed, and a control or invisible character (escape,
bidirectional marks, zero width: those of `edgemed.printable`) is replaced by one visible
character, so that offsets stay right. A lint test forbids every other way.
"""

from collections.abc import Iterable
from typing import Any

from textual.content import Content
from textual.widgets import Static
from textual.widgets.option_list import Option

from edgemed.printable import ACTING

# One visible character for each control character: C0 controls have their own pictures in Unicode.
PICTURES = {c: 0x2400 + c for c in range(0x20) if c not in (0x09, 0x0A)}
HIDDEN = (c for first, last in ACTING for c in range(first, last + 1))
VISIBLE: dict[int, int] = dict.fromkeys(HIDDEN, 0xFFFD) | PICTURES

LINE_FEED = "\u240a"

Part = str | tuple[str, str]


def visible(text: str) -> str:
    """`text` with such characters replaced one for one; same length, same line ends (\\n)."""
    return text.translate(VISIBLE)


def one_line(text: str) -> str:
    """A name or another short text: `visible`, and a line end in it is a sign as well."""
    return visible(text).replace("\n", LINE_FEED)


def kept(before: str, after: str) -> str:
    """The exact text of `after`, an edit of `visible(before)`: untouched parts are `before`'s own.

    So a sign that the screen shows for a character never replaces it in a text.
    """
    shown = visible(before)
    if shown == before:
        return after
    start = alike(shown, after)
    end = alike(shown[start:][::-1], after[start:][::-1])
    return before[:start] + after[start : len(after) - end] + before[len(before) - end :]


def alike(a: str, b: str) -> int:
    """How many characters both share at their beginning."""
    most = min(len(a), len(b))
    return next((i for i in range(most) if a[i] != b[i]), most)


def literal(*parts: Part) -> Content:
    """Strings, or (string, style) pairs, joined as text that is never parsed."""
    content = Content("")
    for part in parts:
        text, style = (part, "") if isinstance(part, str) else part
        content += Content(visible(text)).stylize(style) if style else Content(visible(text))
    return content


def lines(rows: Iterable[Content]) -> Content:
    """Rows one below the other."""
    return Content("\n").join(list(rows))


class Words(Static):
    """A piece of text on the screen; takes strings and `literal` content, and parses neither."""

    def __init__(self, content: str | Content = "", **kwargs: Any) -> None:
        super().__init__(_content(content), markup=False, **kwargs)

    def say(self, content: str | Content) -> None:
        """Show `content` instead; a widget of fixed height, or out of sight, keeps its place."""
        fixed = self.styles.height is not None and self.styles.height.is_cells
        if not fixed:
            self.clear_cached_dimensions()  # also while it is out of sight
        self.update(_content(content), layout=not fixed and self.display)


def row(content: str | Content, *, id: str | None = None, disabled: bool = False) -> Option:
    """A row of an option list."""
    return Option(_content(content), id=id, disabled=disabled)


def _content(content: str | Content) -> Content:
    return literal(content) if isinstance(content, str) else content
