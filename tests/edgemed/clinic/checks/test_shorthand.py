"""Clinical shorthand: words of two meanings, tests in lists, germs and drugs, clipped names."""

import pytest

from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.omissions import omissions
from edgemed.clinic.reviewing.review import review

DRAFT = "Seen today."


def left_out(note: str, kind: str) -> list[str]:
    """What a draft that says nothing leaves out of the note, of one kind."""
    found = omissions(Source(note), read(DRAFT))
    return [o.reason.partition(": ")[2] for o in found if o.kind == kind]


@pytest.mark.parametrize(
    "note",
    [
        "sat 90 ra",
        "SpO2 94% RA, RR 18",
        "O2 sats 88 on RA",
        "sats 91-93% ra at rest",
        "saturating 96% on ra, desats to 84 walking",
        "Vitals: BP 120/70, HR 88, RR 16, 98% RA",
        "RA sat 90, comfortable",
        "RA pressure 12, RV dilated",
        "walked in, ra",
    ],
)
def test_ra_that_is_no_arthritis(note: str) -> None:
    assert left_out(note, "diagnosis") == []
    assert left_out(note, "finding") == []


@pytest.mark.parametrize(
    "note", ["Hx of RA on methotrexate", "PMH: RA, HTN, DM", "RA flare, joints sore", "ra and oa"]
)
def test_ra_that_is_arthritis(note: str) -> None:
    assert "rheumatoid arthritis" in left_out(note, "diagnosis")


@pytest.mark.parametrize(
    ("note", "words"),
    [("PE: lungs clear", []), ("PE on CT", ["pulmonary embolism"]), ("a heating pad helps", [])],
)
def test_other_words_of_two_meanings(note: str, words: list[str]) -> None:
    assert left_out(note, "diagnosis") == words


@pytest.mark.parametrize(
    "note",
    [
        "fever 101, cough, flu/covid neg",
        "fever, cough, covid/flu/rsv neg",
        "fever and cough, flu, covid, rsv all neg",
        "fever and cough, rapid flu and covid swabs were negative",
        "cough, neg flu/covid, fever",
        "fever, cough, flu (-), covid (-)",
        "fever, cough, influenza A/B & COVID-19 PCR neg",
    ],
)
def test_negative_tests_in_a_list_deny_only_the_tests(note: str) -> None:
    assert left_out(note, "diagnosis") == []
    assert sorted(left_out(note, "finding")) == ["cough", "fever"]


@pytest.mark.parametrize(
    "note",
    [
        "E. coli resistant to ampicillin",
        "urine grew e coli, cipro resistant",
        "culture sensitive to nitrofurantoin",
        "susceptible to bactrim, resistant to cipro and levofloxacin",
        "S to macrobid, R to cipro",
        "Staph aureus intermediate to clindamycin",
        "ceftriaxone-resistant klebsiella",
        "MRSA, R: oxacillin, S: doxycycline, bactrim",
    ],
)
def test_what_a_germ_resists_is_no_medication_and_no_allergen(note: str) -> None:
    found = review(f"{note}. NKDA.", DRAFT)
    assert [o for o in found.omissions if o.kind in ("medication", "allergy")] == []
    assert [line for line in found.vital if line.kind == "allergy"] == []


def test_the_drug_that_is_given_for_it_is_one() -> None:
    note = "resistant to ampicillin so started cipro 500 bid"
    assert left_out(note, "medication") == ["ciprofloxacin"]
    assert left_out("patient is resistant to taking metformin", "medication") == ["metformin"]


@pytest.mark.parametrize(
    "text", ["She is sensitive to penicillin.", "Patient is sensitive to codeine."]
)
def test_a_person_who_is_sensitive_to_a_drug_is_allergic(text: str) -> None:
    assert [line.kind for line in review(text, DRAFT).vital] == ["allergy"]


@pytest.mark.parametrize(
    "note",
    [
        "No latex allergy",
        "Allergies: none known",
        "Allergies: NKDA",
        "Allergies - no known",
        "no known drug allergies",
        "denies latex or shellfish allergy",
        "Latex allergy - denies",
        "Allergies: latex - no",
        "not allergic to penicillin",
        "Allergies:\nNone",
    ],
)
def test_no_allergy_is_none(note: str) -> None:
    found = review(note, DRAFT)
    assert [o for o in found.omissions if o.kind == "allergy"] == []
    assert found.vital == ()


@pytest.mark.parametrize(
    "note",
    [
        "Allergies: penicillin - rash, latex - none",
        "Allergies: sulfa (rash), no latex allergy",
        "Not allergic to penicillin but allergic to sulfa",
        "Allergies:\nPenicillin",
    ],
)
def test_one_allergy_beside_others_denied(note: str) -> None:
    found = review(note, DRAFT)
    assert [o.kind for o in found.omissions] == ["allergy"]
    assert [(line.kind, line.lack) for line in found.vital] == [("allergy", "not in the draft")]


@pytest.mark.parametrize(
    ("note", "drug"),
    [
        ("pred 40 x5d", "prednisone"),
        ("on pred for his knee", "prednisone"),
        ("doxy 100 bid", "doxycycline"),
        ("trelegy daily", "fluticasone umeclidinium vilanterol"),
        ("symbicort 2 puffs bid", "budesonide formoterol"),
        ("azithro 500", "azithromycin"),
        ("amox 500 tid", "amoxicillin"),
        ("amox-clav 875 bid", "amoxicillin clavulanate"),
        ("metop succ 50", "metoprolol"),
        ("lisin 10 daily", "lisinopril"),
        ("levo 500 daily", "levofloxacin"),
        ("levo 50 mcg daily", "levothyroxine"),
        ("dexa 10 mg", "dexamethasone"),
        ("gaba 300 tid", "gabapentin"),
    ],
)
def test_clipped_names_and_brands(note: str, drug: str) -> None:
    assert left_out(note, "medication") == [drug]


@pytest.mark.parametrize(
    "note",
    [
        "FEV1 65% pred",
        "FEV1 65 % of pred",
        "FVC pred 3.2",
        "seen by Dr pred",
        "takes the metro to work",
        "a dexa scan is due",
        "low carb diet",
        "a val of 3",
    ],
)
def test_words_that_are_no_drugs(note: str) -> None:
    assert left_out(note, "medication") == []


@pytest.mark.parametrize(
    ("note", "drugs"),
    [
        (
            "Medications: acetaminophen 650 mg PRN, warfarin 5 mg daily, insulin 10 units nightly.",
            "acetaminophen warfarin insulin",
        ),
        ("Denies chest pain, on warfarin 5 mg daily and insulin 10 units.", "warfarin insulin"),
        ("Denies chest pain, on warfarin.", "warfarin"),
        ("No bleeding, warfarin 5 mg daily, lisinopril 10 mg daily.", "warfarin lisinopril"),
        ("Return if fever, continue warfarin 5 mg daily.", "warfarin"),
        ("Instructed to take warfarin 5 mg daily.", "warfarin"),
        ("Advised to continue metformin.", "metformin"),
        ("Ibuprofen prn pain, methocarbamol 750 mg tid.", "ibuprofen methocarbamol"),
        ("Monitor for bleeding, apixaban 5 mg BID.", "apixaban"),
        ("Without fever, started on ceftriaxone.", "ceftriaxone"),
        ("MTX 15 weekly, metf 500 bid.", "methotrexate metformin"),
        ("Meds: prn zofran 4", "ondansetron"),
        ("Given prn IV zofran 4, lasix 40.", "ondansetron furosemide"),
        ("Zofran prn nausea, lasix, metoprolol.", "ondansetron furosemide metoprolol"),
    ],
)
def test_what_is_denied_before_a_drug_does_not_hide_it(note: str, drugs: str) -> None:
    missing = {o.name for o in review(note, "Seen today.").omissions if o.kind == "medication"}
    assert missing == set(drugs.split())


@pytest.mark.parametrize(
    "note",
    [
        "Avoid ibuprofen 800 mg.",
        "Avoid aspirin 325 mg, ibuprofen 800 mg.",
        "Denies taking aspirin 81 mg, ibuprofen 800 mg.",
        "Never took warfarin 5 mg, aspirin 81 mg.",
        "He denies bleeding, taking ibuprofen.",
        "Denies taking warfarin or aspirin 81 mg.",
        "No aspirin, ibuprofen or naproxen.",
        "He is not on warfarin.",
        "She has never taken warfarin, aspirin or clopidogrel.",
        "Iron deficiency anemia, seasonal asthma.",
    ],
)
def test_a_drug_that_is_denied_itself_is_no_medication(note: str) -> None:
    found = [o.name for o in review(note, "Seen today.").omissions if o.kind == "medication"]
    assert found == []


@pytest.mark.parametrize("note", ["covid -ve, flu -ve.", "Flu/covid -ve."])
def test_minus_ve_is_negative(note: str) -> None:
    assert [o.name for o in review(note, "Seen today.").omissions if o.kind == "diagnosis"] == []


@pytest.mark.parametrize(
    ("note", "draft"),
    [
        ("HIV negative. Cough.", "HIV positive."),
        ("PE ruled out by CT.", "PE found on CT."),
        ("Cough for 2 weeks.", "Lung cancer."),
    ],
)
def test_a_grave_diagnosis_that_is_wrong_is_major(note: str, draft: str) -> None:
    flags = [flag for claim in review(note, draft).claims for flag in claim.flags]
    assert "major" in {flag.severity for flag in flags}
