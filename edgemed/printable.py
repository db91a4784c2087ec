"""Text that others wrote, as it may be shown: the one place that says which characters act.

A model's licence, a tensor's name, an answer, a file's name may hold characters that a terminal
obeys (escape, bell), that turn the order of what is read around (bidirectional marks), or that
nobody sees (zero-width ones). They are shown as what they are, `\\x1b`, `\\u202e`, and never sent.
The command line lets all that it prints through here (`edgemed.cli.printing`), the screen takes
the same set of characters (`edgemed_tui.literal`).
"""

import re

# First and last character of each range. What acts: controls but for tab and line feed, line and
# paragraph separators, bidirectional marks. What nobody sees: format characters, fillers,
# selectors and tags. Lone surrogates are no characters at all.
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
    """A name or another short text on one line: line ends and odd spaces are escapes as well."""
    if text.isprintable() and not ACTS.search(text):
        return text
    return "".join(c if c.isprintable() and not ACTS.match(c) else escaped(c) for c in text)


def printable_text(text: str) -> str:
    """Prose: tabs and line ends (LF, CRLF) stay as they are, and every other space."""
    return CRLF_OR_ACTS.sub(lambda found: escaped(found[0]), text)


def is_utf8(name: str) -> bool:
    """Whether a file's name is UTF-8: others cannot be written down in models and records."""
    return not any("\ud800" <= c <= "\udfff" for c in name)


def escaped(found: str) -> str:
    """`\\x1b` for an escape; a line end of two characters stays one."""
    return found if found == "\r\n" else ascii(found)[1:-1]
