"""Times of day as written and said: `2 pm`, `2:30 p.m.`, `14:30`, `three o'clock`."""

import re

NOON, MINUTES = 12, 60
CLOCK = re.compile(r"(?<![\d:])(\d{1,2}):(\d\d)(?![\d:])")
# `2 pm`, `2:30 p.m.`, `3 o'clock`
HALF_DAY = re.compile(r"\s?(?:(?P<half>[ap])(?:\.\s?m\b\.?|m\b)|o['’]?clock\b)", re.IGNORECASE)


def hours(word: str, values: tuple[float, ...], said: re.Match[str] | None) -> tuple[float, ...]:
    """Hours from midnight that a time of day may mean; empty if the number is not a time.

    `2 pm` is 14 and `12 am` is 0; `2:30` may be in either half of the day, `02:30` is not.
    """
    written = CLOCK.fullmatch(word)
    if (written is None and said is None) or not values:
        return ()
    hour, minute = values[0], float(written[2]) if written else 0.0
    if hour != int(hour) or not 0 <= hour < 2 * NOON or minute >= MINUTES:
        return ()
    half = said["half"] if said else None
    if half is not None and 1 <= hour <= NOON:
        hour = hour % NOON + NOON * (half.lower() == "p")
    elif half is None and not word.startswith("0") and 1 <= hour <= NOON:
        return halves(hour + minute / MINUTES)
    return (hour + minute / MINUTES,)


def halves(hour: float) -> tuple[float, ...]:
    """A time by a clock of 12 in both halves of the day, as written first."""
    return hour, (hour + NOON) % (2 * NOON)
