"""Numbers written as words: `one hundred ninety seven`, `one oh three`, `nineteen eighty three`.

Transcripts leave open how a run of number words is cut, so a run has several readings; the first
is the likeliest. Knows no units.
"""

import re
from functools import cache

SMALL = {
    word: n
    for n, word in enumerate(
        (
            "zero one two three four five six seven eight nine ten eleven twelve thirteen "
            "fourteen fifteen sixteen seventeen eighteen nineteen"
        ).split()
    )
} | {"oh": 0, "o": 0}
TENS = {
    word: 10 * (n + 2)
    for words in (
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
        (
            "twenties",
            "thirties",
            "forties",
            "fifties",
            "sixties",
            "seventies",
            "eighties",
            "nineties",
        ),
    )
    for n, word in enumerate(words)
}
SCALES = {"hundred": 100, "hundreds": 100, "thousand": 1000, "million": 1_000_000}
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13,
    "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18,
    "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip

_WORD = "|".join([*SMALL, *TENS, *SCALES])
# A run begins with a number word or `a hundred`; `and` and `point` may only be inside it.
# Speech recognition writes a spoken point as a full stop: `six . eight`.
RUN = re.compile(
    rf"\b(?:a (?=hundred|thousand))?(?!o\b|oh\b)(?:{_WORD})"
    rf"(?:(?:[ -]|(?<=hundred) and |(?<=thousand) and | point | \. )(?:{_WORD})\b)*\b",
    re.IGNORECASE,
)


@cache
def readings(run: str) -> tuple[float, ...]:
    """The values that a run of number words may mean, likeliest first."""
    whole, _, fraction = run.lower().replace(" . ", " point ").partition(" point ")
    chunks = _chunks([w for w in re.split(r"[ -]+", whole) if w not in ("a", "and", "")])
    if fraction:
        digits = "".join(str(c) for c in _chunks(re.split(r"[ -]+", fraction.replace("point", ""))))
        return (float(f"{chunks[-1] if chunks else 0}.{digits}"), *map(float, chunks))
    if len(chunks) == 1:
        return (float(chunks[0]),)
    joined = float("".join(str(chunk) for chunk in chunks))
    return (joined, *(float(chunk) for chunk in chunks))


def _chunks(names: list[str]) -> list[int]:
    """Cut a run where ordinary counting cannot go on: [19, 83], [1, 0, 3], [197]."""
    chunks: list[int] = []
    value = part = 0
    room = 0  # what a further word must stay below to belong to the number so far
    for name in names:
        if name in SCALES:
            scale = SCALES[name]
            part = max(part, 1) * scale
            if scale >= 1000:
                value, part = value + part, 0
            room = scale
            continue
        n = TENS.get(name, SMALL.get(name, 0))
        if room and n and n < room:
            part += n
        else:
            if room:
                chunks.append(value + part)
            value, part = 0, n
        room = 10 if name in TENS else 1
    if room:
        chunks.append(value + part)
    return chunks
