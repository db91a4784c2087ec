"""The kinds of the vital check in the order shown, and the function that finds each in a text."""

from collections.abc import Callable, Iterator, Sequence

from edgemed.clinic.reading.said import Said
from edgemed.clinic.vital.allergies import allergies, answered, asks_for_allergies
from edgemed.clinic.vital.anticoagulants import anticoagulants
from edgemed.clinic.vital.code_status import code_status
from edgemed.clinic.vital.follow_ups import follow_ups
from edgemed.clinic.vital.items import VitalItem
from edgemed.clinic.vital.results import abnormal_results, pending_results

READERS: dict[str, Callable[[Said], Iterator[VitalItem]]] = {
    "allergy": allergies,
    "anticoagulant": anticoagulants,
    "code status": code_status,
    "pending result": pending_results,
    "abnormal result": abnormal_results,
    "follow-up": follow_ups,
}
"""Each kind with the function that finds it, in the order in which they are shown."""


def vital_items(text: Sequence[Said]) -> list[VitalItem]:
    """Every item of a text that was read, in order of kinds, then of the text."""
    answers = {i + 1 for i, said in enumerate(text) if asks_for_allergies(said)}
    found = [item for said in text for read in READERS.values() for item in read(said)]
    found += [item for i, said in enumerate(text) if i in answers for item in answered(said)]
    order = list(READERS)
    return sorted(found, key=lambda item: (order.index(item.kind), item.span))
