"""Dose, route and frequency are read as a whole and held against the regimens of the source."""

import pytest

from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.frequencies import AS_NEEDED
from edgemed.clinic.reading.regimens import regimens
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import review

STAY = (
    "He received intravenous furosemide 80 mg twice daily for four days and improved.\n\n"
    "Discharge medications:\n"
    "- Furosemide 40 mg by mouth once daily (changed from 20 mg)\n"
    "- Warfarin 5 mg od\n"
    "- Ibuprofen 400 mg every 6 to 8 hours as needed\n"
    "- Methotrexate 15 mg once weekly\n"
)


def flags(source: str, draft: str) -> list[Flag]:
    return [flag for claim in review(source, draft).claims for flag in claim.flags]


@pytest.mark.parametrize(
    ("draft", "at"),
    [
        ("Furosemide 80 mg by mouth once daily.", "80 mg"),
        ("Furosemide 40 mg IV once daily.", "IV"),
        ("Furosemide 40 mg by mouth twice daily.", "twice daily"),
        ("Furosemide 80 mg PO BID.", "PO"),
        ("Warfarin 5 mg b.i.d.", "b.i.d"),
        ("Warfarin 5 mg every 12 hours.", "every 12 hours"),
        ("Warfarin 5 mg weekly.", "weekly"),
        ("Warfarin 5 mg as needed.", "as needed"),
        ("Ibuprofen 400 mg once daily.", "once daily"),
        ("Ibuprofen 400 mg every 6 to 12 hours.", "every 6 to 12 hours"),
        ("Methotrexate 15 mg daily.", "daily"),
    ],
)
def test_a_regimen_the_source_does_not_have_is_contradicted(draft: str, at: str) -> None:
    found = [f for f in flags(STAY, draft) if f.check == "regimen"]
    assert [(f.label, f.severity) for f in found] == [("contradicted", "major")]
    assert draft[found[0].draft.start : found[0].draft.end].rstrip(".") == at
    assert found[0].source


@pytest.mark.parametrize(
    "draft",
    [
        "IV furosemide 80 mg every 12 hours, then 40 mg PO daily.",
        "Furosemide 40 mg PO every 24 hours.",
        "40 mg of furosemide by mouth each day.",
        "Intravenous Lasix b.i.d. was given.",
        "Warfarin 5 mg by mouth daily.",
        "Warfarin was continued.",
        "Ibuprofen 400 mg q6h PRN.",
        "Ibuprofen three times a day.",
        "Methotrexate 15 mg every week.",
    ],
)
def test_the_same_regimen_in_other_words_is_not_flagged(draft: str) -> None:
    assert [f for f in flags(STAY, draft) if f.check in ("regimen", "dose", "number")] == []


def test_the_reason_names_both_regimens_and_corrects_neither() -> None:
    (flag,) = flags(STAY, "Furosemide 80 mg by mouth once daily.")
    assert flag.reason == (
        "furosemide 80 mg, by mouth, once daily in the draft; the note has "
        "40 mg, by mouth, once daily; intravenous, 80 mg, twice daily; 20 mg"
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("IV furosemide 80 mg b.i.d., then oral 40 mg daily.",
         [("furosemide", ["80 mg"], ["intravenous"], [2]),
          ("furosemide", ["40 mg"], ["oral"], [1])]),
        ("Lisinopril 20 mg, 1 tablet, by mouth, daily",
         [("lisinopril", ["20 mg", "1 tablet"], ["oral"], [1])]),
        ("Aspirin 81 mg and 40 mg of furosemide by mouth.",
         [("aspirin", ["81 mg"], [], []), ("furosemide", ["40 mg"], ["oral"], [])]),
        ("Tylenol every 4-6 hours PRN", [("acetaminophen", [], [], [6, 4, AS_NEEDED])]),
        ("Metoprolol 50 mg in the morning and at bedtime", [("metoprolol", ["50 mg"], [], [2])]),
        ("Warfarin, and poor oral intake; I'm on activities of daily living", []),
    ],
)  # fmt: skip
def test_parts_go_to_the_drug_they_belong_to(text: str, wanted: list[object]) -> None:
    (said,) = read(text)
    found = [
        (r.drug, [d.text for d in r.doses], [p.value for p in r.routes], [p.value for p in r.rates])
        for r in regimens(said)
    ]
    assert found == wanted


def test_how_to_take_it_may_stand_in_the_next_sentence() -> None:
    source = "Metoprolol 25 mg tablet. Take 1 tablet by mouth twice daily."
    assert flags(source, "Metoprolol 25 mg PO BID.") == []
    assert [f.check for f in flags(source, "Metoprolol 25 mg PO daily.")] == ["regimen"]


def test_a_dose_said_alone_elsewhere_does_not_carry_another_frequency() -> None:
    source = "He takes lisinopril 20 mg. Continue lisinopril 20 mg daily."
    assert [f.check for f in flags(source, "Lisinopril 20 mg twice daily.")] == ["regimen"]
    assert flags(source, "Lisinopril 20 mg once daily.") == []


def test_an_answer_may_confirm_what_a_question_said_otherwise() -> None:
    talk = (
        "Doctor: Do you take the lisinopril once a day?\nPatient: No.\n"
        "Doctor: And how?\nPatient: Lisinopril, that's twice a day."
    )
    assert not [f for f in flags(talk, "Lisinopril twice daily.") if f.check == "regimen"]


def test_a_frequency_in_other_words_is_no_missing_number() -> None:
    assert flags("Warfarin 5 mg b.i.d.", "Warfarin 5 mg every 12 hours.") == []
    assert flags("Warfarin 5 mg TID.", "Warfarin 5 mg three times a day.") == []


@pytest.mark.parametrize("weight", ["from 82 to 76 kg", "82 kg", "from 180 lb to 167 lb"])
def test_a_body_weight_is_no_dose(weight: str) -> None:
    source = (
        "Treated with intravenous furosemide 80 mg twice daily for four days; "
        f"weight fell {weight}. "
        "Furosemide 40 mg by mouth once daily."
    )
    (flag,) = flags(source, "Furosemide 80 mg by mouth once daily.")
    there = "40 mg, by mouth, once daily; intravenous, 80 mg, twice daily"
    assert (
        flag.reason == f"furosemide 80 mg, by mouth, once daily in the draft; the note has {there}"
    )
    said = source.split(". ")[0] + "."
    assert flags(source, said) == []
