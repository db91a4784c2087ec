"""The vital check, always last: what must never be lost, compared with the note both ways.

Allergies, anticoagulants, code status, pending results, abnormal results, follow-up: what the note
has and the draft lacks, what the draft has and the note lacks, and where the note itself is
unclear. A few lines, one for each kind and direction; which words count is a list.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from edgemed.clinic.findings import Lack, Span, Vital
from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.dates import agree
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.vital.allergies import NONE_KNOWN
from edgemed.clinic.vital.follow_ups import DAY, is_time
from edgemed.clinic.vital.items import ENDED, GENERAL, VitalItem
from edgemed.clinic.vital.kinds import READERS, vital_items

MOST = 4  # items named in a line
CLOSE = 0.1  # share by which two times may differ: 30 days and a month
FEW = 3  # sentences that may be nothing but a list of allergies
SHARED = 1 / 3  # of the names of an item: if another has as many of them, it is about the same


class ComparedText(NamedTuple):
    """A text to compare: its sentences, its items of one kind, and whether it is a dialogue."""

    said: Sequence[Said]
    items: Sequence[VitalItem]
    is_talk: bool


def vital(source: Source, draft: Sequence[Said]) -> tuple[Vital, ...]:
    """The lines of the vital check, in the order of kinds.

    What the note says to the model does not support the draft.
    """
    trusted, _ = source.trusted
    there, here = vital_items(source.said), vital_items(draft)
    borne = there if trusted is source else vital_items(trusted.said)
    found: list[Vital] = []
    for kind in READERS:
        note = ComparedText(source.said, _of_kind(there, kind), source.is_talk)
        rest = ComparedText(trusted.said, _of_kind(borne, kind), source.is_talk)
        own = ComparedText(draft, _of_kind(here, kind), is_talk=False)
        found += _lines(kind, note, rest, own)
    return tuple(found)


def _of_kind(items: Sequence[VitalItem], kind: str) -> list[VitalItem]:
    return [item for item in items if item.kind == kind]


def _lines(
    kind: str, note: ComparedText, rest: ComparedText, draft: ComparedText
) -> Iterator[Vital]:
    """The lines of one kind: lost, added, unclear."""
    carried = CARRIED[kind]
    unclear = [*(i for i in note.items if i.unclear), *disagreeing(note.items)]
    sure = [item for item in note.items if item not in unclear]
    lost = [i for i in sure if i.name != NONE_KNOWN and not carried(i, draft)]
    added = [i for i in draft.items if not i.unclear and not carried(i, rest)]
    if lost:
        yield _line(kind, "not in the draft", lost, source=True)
    if added:
        yield _line(kind, "not in the note", added, source=False)
    if unclear:
        yield _line(kind, "unclear in the note", unclear, source=True)


def _line(kind: str, lack: Lack, items: Sequence[VitalItem], *, source: bool) -> Vital:
    """One line that names each thing once, and the first few of many."""
    named = list({(i.name or i.shown, i.state): i.shown for i in reversed(items)}.values())[::-1]
    more = len(named) - MOST
    shown = (*named[:MOST], *([f"and {more} more"] if more > 0 else ()))
    spans: tuple[Span, ...] = tuple(dict.fromkeys(item.span for item in items))
    return Vital(kind, lack, shown, spans if source else (), () if source else spans)


def disagreeing(items: Sequence[VitalItem]) -> list[VitalItem]:
    """Items of a text that contradict each other: an allergy and none known, full code and DNR."""
    for one, others in DISAGREE:
        against = [item for item in items if item.name in others or (not others and
                   item.kind == "allergy" and item.name != one)]  # fmt: skip
        if against and (found := [item for item in items if item.name == one]):
            return [*found[:1], *against]
    return []


DISAGREE: tuple[tuple[str, tuple[str, ...]], ...] = (
    (NONE_KNOWN, ()),
    ("full code", ("do not resuscitate", "do not intubate", "comfort care")),
)


def by_name(item: VitalItem, other: ComparedText) -> bool:
    """Whether the other text has an item of that name."""
    return not item.name or any(item.name == o.name for o in other.items)


def as_allergen(item: VitalItem, other: ComparedText) -> bool:
    """Whether the other text has the allergen; a few words may be the list of allergies itself.

    `Penicillin and latex` is such a list, `penicillin 500 mg` is not.
    """
    if by_name(item, other):
        return True
    alone = len(other.said) <= FEW and not any(said.sentence.section for said in other.said)
    return alone and any(
        item.name == m.concept.name
        for said in other.said
        if not said.quantities and not any(c.attribute == "status" for c in said.cues)
        for m in said.mentions
    )


def as_drug(item: VitalItem, other: ComparedText) -> bool:
    """Whether the other text has the drug, and stops or holds it where this one does.

    `On blood thinners` names no drug, so any anticoagulant supports it.
    """
    if item.state == GENERAL:
        return bool(other.items)
    same = [o for o in other.items if o.name == item.name]
    return bool(same) and (item.state not in ENDED or any(o.state in ENDED for o in same))


def as_told(item: VitalItem, other: ComparedText) -> bool:
    """Whether a sentence of the kind is about the same things."""
    if not item.names:
        return bool(other.items)
    return any(not o.names or len(item.names & o.names) >= SHARED * len(item.names)
               for o in other.items)  # fmt: skip


def as_time(item: VitalItem, other: ComparedText) -> bool:
    """Whether the other text gives one of the times or dates for coming back."""
    times = [v for o in other.items for v in o.values]
    if other.is_talk:  # a time may be in another sentence than what it is for
        times += [v * q.unit.factor / DAY for said in other.said for q in said.quantities
                  if q.unit and is_time(q) for v in q.values]  # fmt: skip
    dates = [d for said in other.said for d in said.dates]
    if not item.values and not item.dates:
        return True
    return any(is_close(a, b) for a in item.values for b in times) or any(
        agree(a, b) for a in item.dates for b in dates
    )


def is_close(a: float, b: float) -> bool:
    """Whether two times count as the same, such as 30 days and a month."""
    return abs(a - b) <= CLOSE * max(a, b)


def as_result(item: VitalItem, other: ComparedText) -> bool:
    """Whether the other text has the test with the same level, with a value, or by its name."""
    wanted = {item.state, "abnormal"} if item.state != "abnormal" else {"high", "low", "abnormal"}
    names = {name for name, test, level in rows_of("derived.tsv")
             if test == item.name and level in wanted}  # fmt: skip
    if telling(item) & {v for s in other.said for q in s.quantities for v in q.values}:
        return True
    for said in other.said:
        named = {m.concept.name for m in said.mentions if m.polarity == "yes"}
        if names & named:
            return True
        if item.name in named and not said.asks and (
            any(c.attribute == "level" and c.value in wanted for c in said.cues)
            or any(v in item.values for q in said.quantities for v in q.values)
        ):  # fmt: skip
            return True
    return any(item.name == o.name and o.state == "abnormal" for o in other.items)


def telling(item: VitalItem) -> set[float]:
    """The numbers of a result that can hardly be those of anything else."""
    return {v for v in item.values if v >= 10 or v != int(v)}


CARRIED: dict[str, Callable[[VitalItem, ComparedText], bool]] = {
    "allergy": as_allergen,
    "anticoagulant": as_drug,
    "code status": by_name,
    "pending result": as_told,
    "abnormal result": as_result,
    "follow-up": as_time,
}
"""By kind, what tells whether a text has an item of the other."""
