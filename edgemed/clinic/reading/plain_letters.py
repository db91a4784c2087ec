"""Turns look-alike, invisible and spaced-out letters into plain Latin ones: for searching, not for
display.

`Ig\\u200bnore`, `ignore` with Cyrillic or full-width letters, `i g n o r e`: all read `ignore`.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

# Letters that look like a Latin letter: Cyrillic, Greek, small capitals, each with its twin.
ALIKE = (
    ("аеорсухіјѕһԁԛԝьАВЕЅІЈКМНОРСТУХ", "aeopcyxijshdqwbABESIJKMHOPCTYX"),
    ("αβγικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "abyikvoptuxABEZHIKMNOPTYX"),
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢıɑɡ", "abcdefghijklmnoprstuvwyziag"),
)
TWINS = str.maketrans({a: b for one, other in ALIKE for a, b in zip(one, other, strict=True)})
QUOTES = str.maketrans("’‘ʼ“”„«»‐‑‒–—", '\'\'\'"""""-----')
DIGITS = str.maketrans("013457@$!", "oieastasi")

NOT_ASCII = re.compile(r"[^\x00-\x7f]")
LATIN = re.compile(r"[A-Za-z]")
FOREIGN = re.compile(r"[Ѐ-ӿͰ-Ͽᴀ-ᴥꜰꜱɢɪɴʀʏʙʜʟ]")
DISGUISED = re.compile(r"\b[a-z]+[013457@$!]+[a-z]+|\b[013457@$!]+[a-z]{2,}[013457@$!]*[a-z]*")
SPACED = re.compile(r"(?<![a-z])(?:[a-z][ ._*-]{1,3}){5,}[a-z](?![a-z])")
JOINED = re.compile(r"(?:\b|_)(?:[a-z]{2,20}[-_.+*]){3,}[a-z]{2,20}")


def plain(text: str) -> str:
    """`text` in the lower-case Latin letters that it looks like, without invisible characters."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text.translate(QUOTES))
    return _latin(NOT_ASCII.sub(lambda m: _bare(m[0]), text)).lower()


@cache
def _bare(letter: str) -> str:
    """A Latin letter without its accent, an invisible character as nothing, any other as is."""
    if unicodedata.category(letter) in ("Mn", "Cf"):
        return ""
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() else letter


def _latin(text: str) -> str:
    """Words of Latin letters with look-alikes among them, in Latin letters alone."""
    if FOREIGN.search(text) is None:
        return text
    return re.sub(r"\w+", lambda m: m[0].translate(TWINS) if _may_be_latin(m[0]) else m[0], text)


def _may_be_latin(word: str) -> bool:
    """Whether the word is all Latin letters once look-alikes are replaced."""
    return word.translate(TWINS).isascii()


def readings(text: str) -> Iterator[str]:
    """`plain(text)` with single spaces, then what else it may be read as.

    Where the text is written so, spaced-out letters are joined, digits read as letters and dashes
    as spaces.
    """
    seen = plain(text)
    yield " ".join(seen.split())
    other = SPACED.sub(_closed_up, seen)
    other = JOINED.sub(lambda m: re.sub(r"[-_.+*]", " ", m[0]), other)
    if DISGUISED.search(other):
        other = re.sub(r"\S+", lambda m: m[0].translate(DIGITS), other)
    if other != seen:
        yield " ".join(other.split())


def _closed_up(match: re.Match[str]) -> str:
    """Spaced-out letters as words: the widest gaps divide them."""
    gaps = re.findall(r"[^a-z]+", match[0])
    narrow = min(gaps, key=len)
    wide = "" if len(set(gaps)) == 1 else " "
    return re.sub(r"[^a-z]+", lambda gap: "" if gap[0] == narrow else wide, match[0])
