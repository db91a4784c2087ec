"""The model's draft compared with the present text: removed lines with a minus, new with a plus."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from edgemed_tui.literal import Words, lines, literal

SAME, GONE, NEW = "  ", "- ", "+ "


class CompareScreen(ModalScreen[None]):
    """A diff by lines, and within changed lines by words."""

    CSS_PATH = "compare.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v,q", "dismiss(None)", "Close", id="compare.close")
    ]

    def __init__(self, before: str, after: str) -> None:
        super().__init__()
        self._before, self._after = before, after

    def compose(self) -> ComposeResult:
        """One column, scrolled by keys."""
        with VerticalScroll(id="compare") as box:
            box.border_title = literal("The model's draft (-) and your text (+)")
            box.border_subtitle = literal("escape closes")
            same = self._before == self._after
            yield Words("Nothing was changed." if same else lines(rows(self._before, self._after)))


def rows(before: str, after: str) -> Iterator[Content]:
    """The lines of both texts, each with its sign."""
    old, new = before.split("\n"), after.split("\n")
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from (literal((SAME + line, "dim")) for line in old[a:b])
            continue
        other = "\n".join(new[c:d])
        yield from (changed(GONE, line, other) for line in old[a:b])
        other = "\n".join(old[a:b])
        yield from (changed(NEW, line, other) for line in new[c:d])


def changed(sign: str, line: str, other: str) -> Content:
    """One changed line; the words that the other side does not have are underlined."""
    known = set(other.split())
    style = "strike" if sign == GONE else "underline"
    parts = [literal((sign, "bold"))]
    for word in line.split(" "):
        parts.append(literal(word if word in known else (word, f"bold {style}")))
        parts.append(literal(" "))
    return Content("").join(parts[:-1])
