"""Synthetic patients as facts: drawn from a seed, without text, and not of any real person.

A patient is drawn for a split. Pairs such as drug and dose are held out by their checksum: a
training patient has no held-out pair, a test patient has at least one.
"""

import zlib
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from . import clinical_words as words

Split = Literal["train", "dev", "test"]
HELD_OUT_IN = 8  # one pair in this many is held out for the test


class Prescription(NamedTuple):
    drug: str
    condition: str
    dose: str
    route: str
    frequency: str

    @property
    def text(self) -> str:
        return f"{self.drug} {self.dose} {self.route} {self.frequency}"


class Imaging(NamedTuple):
    size: str
    side: str
    finding: str

    @property
    def text(self) -> str:
        return f"{self.size} {self.side} {self.finding}"


class Result(NamedTuple):
    name: str
    value: str
    unit: str
    flag: str  # "high", "low" or "" when within the range


@dataclass(frozen=True, slots=True)
class Patient:
    """The facts of one patient; every note and every reference is rendered from these alone."""

    age: int
    sex: Literal["man", "woman"]
    prescriptions: tuple[Prescription, ...]
    complaint: str
    duration: str
    negatives: tuple[str, ...]
    results: tuple[Result, ...]
    study: str
    imaging: tuple[Imaging, ...]
    admission: str
    procedures: tuple[str, ...]
    allergy: str
    surgery: str
    clinic: str
    weeks: int
    pulse: int
    pressure: str


def is_held_out(*parts: str) -> bool:
    """Whether this combination is held out for the test; depends only on its words."""
    return zlib.crc32("|".join(parts).encode()) % HELD_OUT_IN == 0


def allowed(split: Split, *parts: str) -> bool:
    """Whether an item of `split` may have the combination: the test may have any."""
    return split == "test" or not is_held_out(*parts)


def draw_patient(rng: Random, split: Split) -> Patient:
    """One patient; in the test split with at least one held-out drug and one held-out finding."""
    while True:
        study = rng.choice(tuple(words.STUDIES))
        patient = Patient(
            age=rng.randint(18, 95),
            sex=rng.choice(("man", "woman")),
            prescriptions=draw_prescriptions(rng, split),
            complaint=rng.choice(words.COMPLAINTS),
            duration=f"{rng.randint(2, 14)} {rng.choice(('hours', 'days', 'weeks', 'months'))}",
            negatives=tuple(rng.sample(words.NEGATIVES, rng.randint(1, 3))),
            results=tuple(draw_result(rng, lab) for lab in rng.sample(words.LABS, 3)),
            study=study,
            imaging=draw_imaging(rng, study, split),
            admission=rng.choice(words.ADMISSIONS),
            procedures=tuple(rng.sample(words.PROCEDURES, rng.randint(1, 2))),
            allergy=rng.choice(words.ALLERGENS),
            surgery=rng.choice(words.SURGERIES),
            clinic=rng.choice(words.CLINICS),
            weeks=rng.randint(2, 12),
            pulse=rng.randint(52, 128),
            pressure=f"{rng.randint(90, 185)}/{rng.randint(50, 105)}",
        )
        if split != "test" or is_new(patient):
            return patient


def is_new(patient: Patient) -> bool:
    """Whether the patient has a drug and dose, and a finding and side, that are held out."""
    return any(is_held_out(p.drug, p.dose) for p in patient.prescriptions) and any(
        is_held_out(i.side, i.finding) for i in patient.imaging
    )


def draw_prescriptions(rng: Random, split: Split) -> tuple[Prescription, ...]:
    """One to three drugs for different conditions."""
    chosen: dict[str, Prescription] = {}
    wanted = rng.randint(1, 3)
    while len(chosen) < wanted:
        drug = rng.choice(words.DRUGS)
        dose, frequency = rng.choice(drug.doses), rng.choice(words.FREQUENCIES)
        if drug.condition not in chosen and allowed(split, drug.name, dose):
            chosen[drug.condition] = Prescription(
                drug.name, drug.condition, dose, drug.route, frequency
            )
    return tuple(chosen.values())


def draw_imaging(rng: Random, study: str, split: Split) -> tuple[Imaging, ...]:
    """One to three abnormal findings of the study, each of another kind."""
    organs, places, _ = words.STUDIES[study]
    wanted = rng.choice((1, 2, 2, 3))
    chosen: dict[str, Imaging] = {}
    while len(chosen) < wanted:
        finding, side = rng.choice(organs + places), rng.choice(words.SIDES)
        if finding not in chosen and allowed(split, side, finding):
            chosen[finding] = Imaging(rng.choice(words.SIZES), side, finding)
    return tuple(chosen.values())


def draw_result(rng: Random, lab: words.Lab) -> Result:
    """A value below, within or above the range of `lab`, flagged so."""
    span = lab.high - lab.low
    flag = rng.choice(("", "", "high", "low")) if lab.low > 0 else rng.choice(("", "high"))
    ranges = {
        "": (lab.low, lab.high),
        "high": (lab.high + 0.15 * span, lab.high + 0.9 * span),
        "low": (
            max(0.5 * lab.low, lab.low - 0.6 * span),
            max(0.8 * lab.low, lab.low - 0.15 * span),
        ),
    }
    low, high = ranges[flag]
    return Result(lab.name, f"{rng.uniform(low, high):.{lab.digits}f}", lab.unit, flag)
