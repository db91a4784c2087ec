"""Pairs of a source and a draft that go wrong in known ways, each with a draft that does not.

Made from short frames and lists, so that every kind has many; the wording is ours.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Trap(NamedTuple):
    """A source, a draft with one error, and the same draft without it."""

    kind: str
    source: str
    wrong: str
    right: str


FINDINGS = (
    "chest pain", "fever", "cough", "shortness of breath", "nausea", "headache", "diarrhea",
    "palpitations", "dysuria", "rash", "dizziness", "abdominal pain",
)  # fmt: skip
DENIALS = (
    ("She denies {a}, {b} and {c}.", "She reports {b}.", "She denies {b}."),
    ("No {a} but has {b}.", "There is no {b}.", "There is {b}."),
    ("Doctor: Any {a}?\nPatient: No.\nDoctor: And {b}?\nPatient: Yes, since Monday.",
     "He reports {a}.", "He reports {b}."),
    ("The patient is negative for {a}. He has {b}.", "Positive for {a}.", "Negative for {a}."),
    ("There is no evidence of {a}. Reports {b}.", "He has {a}.", "He has {b}."),
)  # fmt: skip
PLACES = ("knee", "shoulder", "hip", "ankle", "wrist", "elbow", "breast", "kidney", "ear", "eye")
DRUGS = (
    ("hydralazine", "hydroxyzine"), ("prednisone", "prednisolone"), ("bupropion", "buspirone"),
    ("clonidine", "clonazepam"), ("tramadol", "trazodone"), ("glipizide", "glyburide"),
    ("Celexa", "Celebrex"), ("metformin", "metronidazole"), ("lamotrigine", "levetiracetam"),
    ("Zyrtec", "Zantac"), ("amlodipine", "amiodarone"), ("losartan", "lisinopril"),
    ("fluoxetine", "duloxetine"), ("quetiapine", "olanzapine"), ("risperidone", "ropinirole"),
    ("doxycycline", "dicyclomine"), ("Lamictal", "Lamisil"), ("Zantac", "Xanax"),
    ("vincristine", "vinblastine"), ("cefazolin", "ceftriaxone"),
)  # fmt: skip
UNITS = (
    ("levothyroxine 50 mcg", "levothyroxine 50 mg"), ("digoxin 125 mcg", "digoxin 125 mg"),
    ("insulin 10 units", "insulin 10 mL"), ("morphine 2 mg", "morphine 2 g"),
    ("fentanyl 25 mcg", "fentanyl 25 mg"), ("vancomycin 1 g", "vancomycin 1 mg"),
    ("a mass of 3 cm", "a mass of 3 mm"), ("weight 82 kg", "weight 82 pounds"),
    ("creatinine 1.2 mg/dL", "creatinine 1.2 g/dL"), ("hemoglobin 12 g/dL", "hemoglobin 12 g/L"),
    ("potassium 4.2 mmol/L", "potassium 4.2 mg/dL"), ("temperature 38.4 C", "temperature 38.4 F"),
    ("follow-up in 6 weeks", "follow-up in 6 months"), ("cough for 3 days", "cough for 3 weeks"),
    ("platelets 150 x10^9/L", "platelets 150 x10^12/L"),
    ("oxygen at 2 L/min", "oxygen at 2 mL/min"),
    ("blood pressure 120/80 mmHg", "blood pressure 120/80 kPa"),
    ("heparin 5000 units", "heparin 5000 mg"),
)  # fmt: skip
SAME = (  # a source, the same amount in another unit, and another amount
    ("levothyroxine 0.05 mg", "levothyroxine 50 mcg", "levothyroxine 500 mcg"),
    ("a 14 day course", "a 2 week course", "a 4 week course"),
    ("vancomycin 1000 mg", "vancomycin 1 g", "vancomycin 10 g"),
    ("a mass of 3 cm", "a mass of 30 mm", "a mass of 3 mm"),
    ("hemoglobin 12 g/dL", "hemoglobin 120 g/L", "hemoglobin 12 g/L"),
    ("WBC 7.2 K/uL", "WBC 7.2 x10^9/L", "WBC 72 x10^9/L"),
)
LABS = ("potassium", "sodium", "creatinine", "hemoglobin", "INR", "glucose", "lactate", "bilirubin")


def traps() -> Iterator[Trap]:
    """All traps."""
    yield from negation()
    yield from laterality()
    yield from units()
    yield from decimals()
    yield from dates()
    yield from look_alikes()
    yield from copied_forward()
    yield from bracketed()


def negation() -> Iterator[Trap]:
    for i, a in enumerate(FINDINGS):
        b, c = FINDINGS[(i + 1) % 12], FINDINGS[(i + 5) % 12]
        for source, wrong, right in DENIALS:
            words = {"a": a, "b": b, "c": c}
            yield Trap("negation", *(t.format(**words) for t in (source, wrong, right)))


def laterality() -> Iterator[Trap]:
    for i, place in enumerate(PLACES):
        other = PLACES[(i + 3) % len(PLACES)]
        for side, wrong in (("left", "right"), ("right", "left")):
            source = f"Pain in the {side} {place} after a fall. The {wrong} {other} is normal."
            yield Trap(
                "laterality", source, f"{wrong.capitalize()} {place} pain.", f"{side} {place} pain."
            )
            talk = f"Doctor: Which {place} hurts?\nPatient: It's my {side} {place}, all right?"
            yield Trap(
                "laterality", talk, f"Pain in the {wrong} {place}.", f"Pain in the {side} {place}."
            )


def units() -> Iterator[Trap]:
    for right, wrong in UNITS:
        yield Trap("units", f"The record says {right}.", f"Noted: {wrong}.", f"Noted: {right}.")
        yield Trap("units", f"Today: {right}; stable.", f"Summary: {wrong}.", f"Summary: {right}.")
    for source, same, other in SAME:
        yield Trap("units", f"Given: {source}.", f"Given: {other}.", f"Given: {same}.")


def decimals() -> Iterator[Trap]:
    values = (
        ("1.2", "12"),
        ("0.5", "5"),
        ("7.35", "73.5"),
        ("2.5", "25"),
        ("6.8", "8.6"),
        ("0.125", "1.25"),
    )
    for lab in LABS:
        for right, wrong in values[:4]:
            yield Trap(
                "decimals",
                f"The {lab} was {right} today.",
                f"The {lab} was {wrong}.",
                f"The {lab} was {right}.",
            )
    for right, wrong in values:
        comma = right.replace(".", ",")
        yield Trap(
            "decimals",
            f"Digoxin {comma} mg once daily.",
            f"Digoxin {wrong} mg daily.",
            f"Digoxin {right} mg daily.",
        )
    spoken = (
        ("six point eight", "6.8", "68"),
        ("ninety eight point six", "98.6", "96.8"),
        ("one point five", "1.5", "15"),
    )
    for said, right, wrong in spoken:
        yield Trap(
            "decimals",
            f"Doctor: It was {said} last week.\nPatient: Okay.",
            f"It was {wrong}.",
            f"It was {right}.",
        )


def dates() -> Iterator[Trap]:
    days = (
        ("07/29/2008", "07/26/2008", "July 29, 2008"),
        ("March 3, 2021", "May 3, 2021", "03/03/2021"),
        ("10/05/2020", "10/15/2020", "October 5, 2020"), ("August 2019", "August 2018", "08/2019"),
        ("12/31/1999", "12/30/1999", "Dec 31, 1999"),
        ("January 9, 2022", "June 9, 2022", "1/9/2022"),
        ("2021-04-02", "2021-02-04", "April 2, 2021"), ("Monday", "Friday", "Monday"),
    )  # fmt: skip
    for right, wrong, same in days:
        for frame in (
            "Seen on {}.",
            "The scan was done on {}.",
            "Surgery on {} went well.",
            "Last visit: {}.",
        ):
            yield Trap("dates", frame.format(right), frame.format(wrong), frame.format(same))
    talk = "Doctor: When was it?\nPatient: On July twenty ninth two thousand eight."
    yield Trap("dates", talk, "On 07/19/2008.", "On 07/29/2008.")
    yield Trap(
        "dates",
        "Doctor: Since when?\nPatient: Nineteen eighty three.",
        "Since 1993.",
        "Since 1983.",
    )


def look_alikes() -> Iterator[Trap]:
    for right, wrong in DRUGS:
        source = f"Continue {right} 10 mg daily. Return in 2 weeks."
        yield Trap(
            "look-alikes", source, f"{wrong} 10 mg daily was continued.", f"{right} 10 mg daily."
        )
        talk = f"Doctor: Are you still taking {right}?\nPatient: Yes, every day."
        yield Trap(
            "look-alikes", talk, f"She takes {wrong} every day.", f"She takes {right} every day."
        )


def copied_forward() -> Iterator[Trap]:
    for i, lab in enumerate(LABS):
        old, new = f"{2 + i}.{i + 1}", f"{3 + i}.{(i + 6) % 10}"
        source = (
            f"05/01/2024: {lab} {old}, started on treatment.\n\n"
            f"05/03/2024: {lab} {new}, treatment continued."
        )
        yield Trap(
            "copied forward", source, f"On 05/03/2024 {lab} {old}.", f"On 05/03/2024 {lab} {new}."
        )
        yield Trap(
            "copied forward", source, f"On 05/01/2024 {lab} {new}.", f"On 05/01/2024 {lab} {old}."
        )
    for drug, _ in DRUGS[:8]:
        source = f"06/02/2024: {drug} 5 mg daily.\n\n06/09/2024: {drug} 20 mg daily."
        yield Trap(
            "copied forward",
            source,
            f"On 06/09/2024 {drug} 5 mg daily.",
            f"On 06/09/2024 {drug} 20 mg daily.",
        )


def bracketed() -> Iterator[Trap]:
    for i, lab in enumerate(LABS):
        value = f"{i + 2}.{i}"
        for mark, word, wrong in (("[H]", "high", "low"), ("[L]", "low", "high")):
            source = f"{lab} {value} {mark}, repeated."
            yield Trap("bracketed flags", source, f"{lab} was {wrong}.", f"{lab} was {word}.")
    for i, a in enumerate(FINDINGS):
        b = FINDINGS[(i + 4) % 12]
        source = f"[x] {a} [ ] {b}"
        yield Trap("bracketed flags", source, f"She reports {b}.", f"She reports {a}.")
        yield Trap("bracketed flags", source, f"She denies {a}.", f"She denies {b}.")
