"""What becomes of a device: put in, taken out, left in."""

import pytest

from edgemed.clinic.checks.assertions.devices import check
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read

READ = {
    "Urinary catheter out.": [("out", ("urinary catheter",))],
    "She was given a catheter.": [("in", ("catheter",))],
    "The drain was left in place.": [("stays", ("drain",))],
    "Sutures were not removed.": [("stays", ("sutures",))],
    "No drain was placed.": [("none", ("drain",))],
    "Staples will be removed in two weeks.": [("planned out", ("staples",))],
    "Return in 10 days for suture removal.": [("planned out", ("sutures",))],
    "Removal of the left ureteral stent.": [("out", ("stent",))],
    "A chest tube was placed. It was removed the next day.":
        [("in", ("chest tube",)), ("out", ("chest tube",))],
    "Foley placed in the ward, then removed.":
        [("in", ("urinary catheter",)), ("out", ("urinary catheter",))],
    "Chest tube, Foley and central line were removed.":
        [("out", ("chest tube", "urinary catheter", "central line"))],
    "The patient was extubated.": [("out", ("endotracheal tube",))],
    "He has a pacemaker.": [("stays", ("pacemaker",))],
    "We'll leave the drain in.": [("stays", ("drain",))],
    "As soon as they put the Foley in, 500 mL of urine came out.": [("in", ("urinary catheter",))],
    "The abscess was drained and the stone removed.": [],
}  # fmt: skip


@pytest.mark.parametrize("text", READ)
def test_what_becomes_of_a_device_is_read(text: str) -> None:
    cues = [c for said in read(text) for c in said.cues if c.attribute == "device"]
    assert [(c.value, c.of) for c in cues] == READ[text]


@pytest.mark.parametrize(
    ("note", "draft", "wrong"),
    [
        ("Urinary catheter out on 3/4.", "She was given a urinary catheter.", True),
        ("Urinary catheter out on 3/4.", "The catheter was removed.", False),
        ("Drain left in place.", "The drain was removed.", True),
        ("Drain left in place.", "The drain remains.", False),
        ("Foley placed, then removed.", "A Foley was placed and was removed.", False),
        ("Foley placed, then removed.", "The Foley is still in place.", True),
        ("Staples will be removed next week.", "The staples were removed.", True),
        ("Staples will be removed next week.", "Staples to be removed.", False),
        ("He has a pacemaker.", "The pacemaker was removed.", True),
        (
            "Doctor: I'll take the tube out tomorrow.\nPatient: Okay.",
            "The tube was taken out.",
            False,
        ),
        ("Doctor: Is the cast off?\nPatient: Not yet.", "The cast is on.", False),
    ],
)
def test_a_device_is_held_against_the_note(note: str, draft: str, wrong: bool) -> None:
    source = Source(note)
    found = [f for said in read(draft) for f in check(said, source)]
    assert bool(found) == wrong
    assert all(f.severity == "minor" for f in found)
