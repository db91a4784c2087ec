"""Short codes of letters and numbers: a level of the spine, pregnancies and births (`L5`, `G2P3`).

Compared where the source has a code of the same form; in talk it is spelled (`C six`).
"""

import re
from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.reading.levels import WRITTEN, levels_of
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

BIRTHS = re.compile(r"\bG\d+,? ?P\d+\b")


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each code that differs from the source's."""
    text, offset = said.sentence.text, said.sentence.span.start
    for match in WRITTEN.finditer(text):
        known = {code for code in source.levels if code[0] == match["letter"]}
        if known and not known & set(levels_of(match)):
            named = ", ".join(sorted(known))
            yield _flag(f"{match[0]} in the draft; the note has {named}", match, offset)
    for match in BIRTHS.finditer(text):
        births = {_bare(m[0]) for m in BIRTHS.finditer(source.text)}
        if births and _bare(match[0]) not in births:
            yield _flag(f"{match[0]} in the draft; the note has {min(births)}", match, offset)


def _bare(code: str) -> str:
    return code.replace(" ", "").replace(",", "")


def _flag(reason: str, match: re.Match[str], offset: int) -> Flag:
    span = Span(match.start() + offset, match.end() + offset)
    return Flag("number", "contradicted", "major", reason, span)
