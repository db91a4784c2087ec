"""Two texts compared: removed lines with a minus, new ones with a plus, changed words marked."""

from collections.abc import Iterator
from difflib import SequenceMatcher

from textual.content import Content

from edgemed_tui.literal import literal

SAME, GONE, NEW = "  ", "- ", "+ "


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
