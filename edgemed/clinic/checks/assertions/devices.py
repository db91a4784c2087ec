"""Whether a device was put in, taken out or left in, as the source says of the same device.

`Urinary catheter out` is not `was given a urinary catheter`. A source that says both, that it was
inserted and that it was removed, supports either, but not that the device is still in.
"""

from collections.abc import Iterator

from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.devices import ATTRIBUTE, is_same_device
from edgemed.clinic.reading.said import Cue, Said
from edgemed.clinic.reading.source import Source

LIKE: dict[str, frozenset[str]] = {
    "in": frozenset(("stays", "planned out")),
    "stays": frozenset(("in", "planned out")),
    "planned out": frozenset(("stays", "in")),
    "out": frozenset(),
    "planned in": frozenset(("in",)),
    "none": frozenset(),
}
"""Which further values of the source agree with a value of the draft."""
AGAINST: dict[str, frozenset[str]] = {
    "in": frozenset(("out", "none", "planned in")),
    "stays": frozenset(("out", "none")),
    "planned out": frozenset(("out",)),
    "out": frozenset(("in", "stays", "planned out")),
    "planned in": frozenset(("none",)),
    "none": frozenset(("in", "stays")),
}
"""Which values of the source contradict a value of the draft, if none agrees."""
ENDED = ("stays", "planned out")  # wrong once the source says that it was removed
CALLED = {
    "in": "inserted",
    "out": "removed",
    "stays": "left in place",
    "planned in": "to be inserted",
    "planned out": "to be removed",
    "none": "not inserted",
}


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each state of a device that differs from the source's."""
    own = {(name, c.value) for c in said.cues if c.attribute == ATTRIBUTE for name in c.of}
    for cue in said.cues:
        if cue.attribute != ATTRIBUTE or said.asks:
            continue
        for name in cue.of:
            rivals = [r for r in against(cue.value, name, source) if (name, r.value) not in own]
            if rivals:
                reason = f"{name}: {CALLED[cue.value]} in the draft, "
                reason += f"{CALLED[rivals[-1].value]} in the note"
                spans = tuple(r.span for r in rivals[-3:])
                yield Flag(ATTRIBUTE, "contradicted", "minor", reason, cue.span, spans)
                break


def told_of(name: str, source: Source) -> list[Cue]:
    """What the source says of a device, in its order; what it only asks is left out.

    What is planned at a visit may be done before it ends: talk does not tell the two apart.
    """
    found = [c for i, c in source.cues.get(ATTRIBUTE, ()) if not source.said[i].asks]
    return [
        c._replace(value=in_time(c.value, source))
        for c in found
        if any(is_same_device(name, other) for other in c.of)
    ]


def in_time(value: str, source: Source) -> str:
    """The value; for talk, without whether it is still planned."""
    return value.removeprefix("planned ") if source.is_talk else value


def agrees(value: str, name: str, source: Source) -> bool:
    """Whether the source says the same of the device."""
    value = in_time(value, source)
    there = {c.value for c in told_of(name, source)}
    if value in ENDED and "out" in there and value not in there:
        return False
    return bool(there & (LIKE[value] | {value}))


def against(value: str, name: str, source: Source) -> list[Cue]:
    """What the source says against it, if it says the same nowhere."""
    if agrees(value, name, source):
        return []
    return [c for c in told_of(name, source) if c.value in AGAINST[in_time(value, source)]]
