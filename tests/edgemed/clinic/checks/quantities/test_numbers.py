"""Numbers are read as written and as spoken, converted, and held against the source."""

import json
from pathlib import Path

import pytest

from edgemed.clinic.findings import Flag
from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.dates import dates
from edgemed.clinic.reading.quantities import numeral, quantities
from edgemed.clinic.reading.spoken import readings
from edgemed.clinic.reviewing.review import review


def flags(source: str, draft: str) -> list[Flag]:
    return [flag for claim in review(source, draft).claims for flag in claim.flags]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("one hundred ninety seven", 197),
        ("a hundred and twenty", 120),
        ("one oh three", 103),
        ("nineteen eighty three", 1983),
        ("two thousand eight", 2008),
        ("ninety eight point six", 98.6),
        ("six . eight", 6.8),
        ("twelve hundred", 1200),
        ("eighties", 80),
    ],
)
def test_spoken_numbers(said: str, value: float) -> None:
    assert readings(said)[0] == value


def test_a_comma_may_group_or_divide() -> None:
    assert numeral("1,234") == (1234, 1.234)
    assert numeral("5,9") == (5.9,)
    assert numeral("1,234.5") == (1234.5,)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("2-1/2-year-old", 2.5, "a"),
        ("two and a half years", 2.5, "a"),
        ("12.3 x10^9/L", 12.3, "10*9/L"),
        ("37,5 °C", 37.5, "Cel"),
        ("98.6 F", 98.6, "[degF]"),
        ("one hundred and fifty M G", 150, "mg"),
        ("53 y.o.", 53, "a"),
        ("5mg", 5, "mg"),
    ],
)
def test_units_behind_numbers(text: str, value: float, unit: str) -> None:
    (found,) = quantities(text)
    assert found.values[0] == value
    assert found.unit is not None
    assert found.unit.code == unit


def test_a_blood_pressure_is_a_pair_in_either_spelling() -> None:
    for text in ("120/80", "one twenty over eighty"):
        first, second = quantities(text)
        assert (first.values[0], first.pair, second.values[0]) == (120, 80, 80)


def test_numbers_inside_codes_are_no_quantities() -> None:
    assert quantities("B12, T8, L4-5, COVID-19 and C5-C6") == []


@pytest.mark.parametrize(
    ("note", "draft", "flagged"),
    [
        ("Pain started at 2 pm.", "Pain started at 14:00.", False),
        ("Given aspirin at 14:30.", "Given aspirin at 2:30 pm.", False),
        ("Given aspirin at 9:00.", "Given aspirin at 10:00.", True),
        ("Pain started at 2 pm.", "Pain started at 15:00.", True),
        ("Pain started at 2 am.", "Pain started at 14:00.", True),
        ("Pain started at 14:00.", "Pain started at 2 a.m.", True),
        ("Pain started at 2 p.m.", "Pain started at 14:00.", False),
        ("Pain started at 12:30 am.", "Pain started at 0:30.", False),
        ("Pain started at 12:30 am.", "Pain started at 13:30.", True),
        ("Pain started at 2 pm.", "Pain started at 2.", False),
        ("Pain started at 2 pm.", "Pain started at 2 am.", True),
        ("Pain started at 2:30.", "Pain started at 14:30.", False),
        ("Pain started at 02:30.", "Pain started at 14:30.", True),
        ("Pain started at 14:30.", "Pain started at 2:45 pm.", True),
        ("Pain started between 2 and 4 pm.", "Pain started at 2 pm.", False),
        ("Pain started at 2 pm. He took 3 tablets.", "Pain started at 3 pm.", True),
        ("ANA titer was 1:80.", "ANA titer was 1:80.", False),
    ],
)
def test_an_afternoon_is_told_in_two_ways(note: str, draft: str, flagged: bool) -> None:
    (claim,) = review(note, draft).claims
    assert bool(claim.flags) == flagged


@pytest.mark.parametrize(
    ("said", "wrote"), [("2 pm", "15:00"), ("2 p.m.", "3 pm"), ("two pm", "2:30 am")]
)
def test_a_finding_names_a_time_as_the_note_has_it(said: str, wrote: str) -> None:
    (claim,) = review(f"Pain started at {said}.", f"Pain started at {wrote}.").claims
    (flag,) = claim.flags
    assert flag.reason.endswith(f"{wrote} in the draft; the note has {said}")


@pytest.mark.parametrize(
    "text", ["07/29/2008", "July 29, 2008", "July twenty ninth two thousand eight", "2008-07-29"]
)
def test_dates_as_written_and_spoken(text: str) -> None:
    (date,) = dates(text)
    assert (date.year, date.month, date.day) == (2008, 7, 29)


def test_a_score_out_of_ten_is_no_date() -> None:
    assert dates("She rates her pain 9/10, at times 7-8/10.") == []


def test_may_is_a_month_only_where_it_is_one() -> None:
    assert dates("it may hurt, and this may be so") == []
    assert [d.month for d in dates("since May")] == [5]


@pytest.mark.parametrize(
    ("source", "draft"),
    [
        ("It lasted 14 days.", "It lasted 2 weeks."),
        ("Vancomycin 1000 mg was given.", "Vancomycin 1 g was given."),
        ("Hemoglobin 12 g/dL.", "Hemoglobin 120 g/L."),
        ("Doctor: How old?\nPatient: I'm fifty eight.", "The patient is 58 years old."),
        ("Doctor: It was about six . eight last time .\nPatient: okay", "A1c was 6.8."),
        ("WBC 7.2 K/uL.", "WBC 7.2 x10^9/L."),
    ],
)
def test_the_same_amount_in_other_words_is_not_flagged(source: str, draft: str) -> None:
    assert flags(source, draft) == []


@pytest.mark.parametrize(
    ("source", "draft", "check"),
    [
        ("Continue Lasix 80 mg daily.", "Lasix 40 mg daily.", "dose"),
        ("Digoxin 125 mcg daily.", "Digoxin 125 mg daily.", "dose"),
        ("Potassium was 5.9.", "Potassium was 9.5.", "number"),
        ("Cough for 3 days.", "Cough for 3 weeks.", "number"),
        ("He is a 46-year-old man.", "He is a 46-month-old man.", "number"),
        ("Surgery was on July 29, 2008.", "Surgery was on 07/26/2008.", "date"),
    ],
)
def test_another_amount_is_flagged(source: str, draft: str, check: str) -> None:
    assert check in {flag.check for flag in flags(source, draft)}


def test_a_number_said_of_something_else_is_flagged() -> None:
    source = "The headache began 3 months ago. Return to the clinic in 6 weeks for the knee."
    (flag,) = flags(source, "The headache began 6 weeks ago.")
    assert flag.label == "contradicted"
    assert [source[s.start : s.end] for s in flag.source] == ["3 months"]


def test_a_dose_is_never_corrected() -> None:
    (flag,) = flags("Warfarin 5 mg daily.", "Warfarin 50 mg daily.")
    assert flag.severity == "major"
    assert "should" not in flag.reason


def test_codes_and_factors_are_those_of_ucum(data: Path) -> None:
    table = json.loads((data / "lists" / "ucum" / "ucumDefs.min.json").read_text("utf-8"))
    config = [c if isinstance(c, str) else c[0] for c in table["units"]["config"]]
    code, magnitude, special = (config.index(n) for n in ("csCode_", "magnitude_", "isSpecial_"))
    ucum = {row[code]: row[magnitude] for row in table["units"]["data"] if not row[special]}
    bases = {"mass": "g", "volume": "L", "length": "m", "time": "s", "mass concentration": "g/L"}
    checked = 0
    for _, unit, dimension, factor in rows_of("units.tsv"):
        if dimension in bases and unit in ucum and bases[dimension] in ucum:
            assert float(factor) == pytest.approx(ucum[unit] / ucum[bases[dimension]], rel=1e-6)
            checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    ("source", "draft", "wanted"),
    [
        ("Temperature 98.6 F.", "Temperature 37 C.", []),
        ("Temperature 37 C.", "Temperature 98.6 F.", []),
        ("Temperature 38.3 °C.", "Temperature 101 °F.", []),
        ("Temperature 38.3 °C.", "Temperature 100.9 °F.", []),
        ("Temperature 38.3 °C.", "Temperature 100.3 °F.", ["number"]),
        ("Temperature 98.6 F.", "Temperature 37.8 C.", ["number"]),
        ("Temperature 38 C.", "Temperature 38 F.", ["number"]),
        ("Temperature 99.5 F.", "Temperature 37.0 C.", ["number"]),
    ],
)
def test_degrees_are_held_on_the_other_scale_to_the_places_written(
    source: str, draft: str, wanted: list[str]
) -> None:
    assert [flag.check for flag in flags(source, draft)] == wanted


def test_the_numbers_of_two_pairs_are_not_one_pair() -> None:
    source = "BP 148/86 in the morning, 120/70 at night."
    assert flags(source, "BP 120/70 and 148/86.") == []
    crossed = flags(source, "BP 148/70.")
    assert {f.reason for f in crossed} == {
        "148 is paired with another number in the note",
        "70 is paired with another number in the note",
    }
    assert len(flags("BP 120/80.", "BP 80/120.")) == 2


def test_tablets_are_not_held_against_milligrams_and_a_unit_is_no_drug() -> None:
    source = "Half a tablet daily of warfarin 5 mg. Platelets 150 x10^9/L."
    assert flags(source, "Warfarin 5 mg, 1/2 tablet daily. Platelets 150 K/uL.") == []
    assert flags(source, "Warfarin 5 mg, 1/4 tablet daily.") != []
