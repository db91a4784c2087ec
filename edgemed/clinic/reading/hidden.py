"""Text that a reader does not see as it is: coded words, letters that are not what they seem."""

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote

from edgemed.clinic.findings import Addressed, Span

CODE = re.compile(r"(?<![\w+/=])[A-Za-z0-9+/]{20,}={0,2}(?![\w+/=])")
HEX = re.compile(r"(?<!\w)(?:[0-9A-Fa-f]{2}[ :]?){12,}(?!\w)")
PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}[\w .]?){6,}")
UNSEEN = re.compile("(?<!\U0001f3f4)[\U000e0020-\U000e007e]{3,}")  # tag characters, as in flags
# Letters that the checks cannot read: a sentence of them, not a name.
UNREAD = re.compile(
    "[\u0400-\u052f\u0590-\u06ff\u0900-\u0dff\u0e00-\u0e7f]"
    "(?:[\\s,.!?-]*[\u0400-\u052f\u0590-\u06ff\u0900-\u0dff\u0e00-\u0e7f\u0300-\u036f]){23,}"
    "|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af](?:[\\s，。、]*[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]){9,}"
)
MIXED = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[\u0400-\u04ff])[A-Za-z\u0400-\u04ff]{4,}")


def hidden(text: str) -> Iterator[Addressed]:
    """Coded text that decodes to words, and look-alike letters."""
    for pattern, decode in ((CODE, _of_base64), (HEX, _of_hex), (PERCENT, unquote)):
        for match in pattern.finditer(text):
            if _is_prose(decode(match[0])):
                yield Addressed(Span(*match.span()), "code")
    if text.isascii():
        return
    for pattern in (UNSEEN, UNREAD, MIXED):
        yield from (Addressed(Span(*m.span()), "letters") for m in pattern.finditer(text))


def _of_base64(blob: str) -> str:
    try:
        data = base64.b64decode(blob + "=" * (-len(blob) % 4), validate=True)
    except (ValueError, binascii.Error):
        return ""
    return data.decode("utf-8", "replace")


def _of_hex(blob: str) -> str:
    digits = re.sub(r"[ :]", "", blob)
    return bytes.fromhex(digits).decode("utf-8", "replace") if len(digits) % 2 == 0 else ""


def _is_prose(decoded: str) -> bool:
    """Whether decoded text is readable: nearly all letters and spaces."""
    plain_characters = sum(c.isalpha() or c in " .,:;'!?\n" for c in decoded)
    return len(decoded) >= 12 and plain_characters >= 0.9 * len(decoded) and decoded.isprintable()
