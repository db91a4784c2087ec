"""Makes text from outside safe to show: the one list of characters that are always escaped.

A model's licence, a tensor's name, an answer or a file's name may hold characters that a terminal
obeys (escape, bell), that reverse the reading order (bidirectional marks), or that nobody sees
(zero-width ones). They are shown escaped, as `\\x1b` or `\\u202e`, and never sent.
Everything the command line prints passes through here (`edgemed.cli.terminal.printing`); the
screen uses the same list of characters (`edgemed_tui.literal`).
"""

import re

# First and last character of each range. Characters with an effect: controls except tab and line
# feed, line and paragraph separators, bidirectional marks. Invisible characters: format characters,
# fillers, selectors and tags. Lone surrogates, which are not characters at all.
ACTING: tuple[tuple[int, int], ...] = (
    (0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F),  # C0, DEL, C1
    (0xAD, 0xAD), (0x034F, 0x034F), (0x061C, 0x061C),  # soft hyphen, joiner, Arabic letter mark
    (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),  # fillers and selectors
    (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F),  # zero width, separators, bidirectional
    (0x3164, 0x3164), (0xD800, 0xDFFF), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip

ACTS = re.compile("[" + "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in ACTING) + "]")
CRLF_OR_ACTS = re.compile(f"\r\n|{ACTS.pattern}")


def printable(text: str) -> str:
    """A name or another short text on one line: line ends and odd spaces are escaped too."""
    if text.isprintable() and not ACTS.search(text):
        return text
    return "".join(c if c.isprintable() and not ACTS.match(c) else escaped(c) for c in text)


def printable_text(text: str) -> str:
    """Prose: tabs, line ends (LF, CRLF) and spaces of every kind are kept."""
    return CRLF_OR_ACTS.sub(lambda found: escaped(found[0]), text)


def is_utf8(name: str) -> bool:
    """Whether a file name is UTF-8: other names cannot be stored in models and records."""
    return not any("\ud800" <= c <= "\udfff" for c in name)


def escaped(found: str) -> str:
    """`\\x1b` for the escape character; CRLF stays a line end."""
    return found if found == "\r\n" else ascii(found)[1:-1]
