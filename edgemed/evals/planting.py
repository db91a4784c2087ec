"""Plants one error into a human-written note: a number, unit, dose, drug, side, negation, bearer,
date, or an invented finding. Seeded; the planted sentence is known by its offsets.

Written from the notes' wording alone, without the checker's code or lists.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `start` to `end` of the note with `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A draft with one error. The changed characters are `start` to `end` of `draft`."""

    kind: str
    document: str
    draft: str
    start: int
    end: int
    was: str


NUMBER = re.compile(r"(?<![\w./^-])\d{1,4}(?:\.\d+)?(?![\w/]|\.\d)")
UNITS = {
    "mg": ["mcg", "g"], "mcg": ["mg"], "g": ["mg"], "mL": ["L"], "ml": ["L"],
    "cm": ["mm", "inches"], "mm": ["cm"], "kg": ["pounds"], "pounds": ["kg"], "lbs": ["kg"],
    "inches": ["feet"],
    "day": ["week", "month"], "days": ["weeks", "months"], "week": ["month", "day"],
    "weeks": ["months", "days"], "month": ["week", "year"], "months": ["weeks", "years"],
    "year": ["month", "week"], "years": ["months", "weeks"], "hours": ["days"], "hour": ["day"],
    "minutes": ["hours"], "units": ["mL"], "degrees": ["percent"], "%": [" degrees"],
}  # fmt: skip
MASS = r"mg|mcg|g|units|milligrams?|mL|ml|mEq"
DRUGS = (
    "lisinopril losartan metformin glipizide insulin Lasix furosemide atorvastatin simvastatin "
    "Lipitor omeprazole Prilosec Protonix ibuprofen Tylenol naproxen Motrin Aleve meloxicam "
    "amlodipine Norvasc metoprolol Coreg carvedilol atenolol aspirin Plavix Coumadin warfarin "
    "Eliquis Xarelto prednisone albuterol Advair Singulair Flonase Zyrtec Claritin Allegra Zoloft "
    "Prozac Lexapro Celexa Wellbutrin Xanax Ativan gabapentin Neurontin tramadol Ultram Percocet "
    "Vicodin Bactrim amoxicillin doxycycline Keflex azithromycin methotrexate folic Synthroid "
    "levothyroxine hydrochlorothiazide spironolactone digoxin Lanoxin Imuran Keppra Dilantin "
    "Topamax Ambien trazodone Seroquel lithium penicillin codeine morphine clindamycin Lyrica "
    "Humira Januvia Crestor Zocor Diovan Cozaar Toprol Lopressor verapamil clonidine"
).split()
LOOKALIKE = {
    "lisinopril": "losartan", "metformin": "metronidazole", "Lasix": "Losec", "Celexa": "Celebrex",
    "Zyrtec": "Zantac", "tramadol": "trazodone", "hydrochlorothiazide": "hydralazine",
    "prednisone": "primidone", "Xanax": "Zantac", "amlodipine": "amiodarone",
    "Coumadin": "Cardura", "atenolol": "albuterol", "Lamictal": "Lamisil", "Keppra": "Kaletra",
}  # fmt: skip
SIDE = re.compile(
    r"\b(left|right)\b(?! (?:the|over|for|her|his|with|work|home|now|away|after))", re.I
)
RELATIVES = ["mother", "father", "brother", "sister", "grandmother", "grandfather", "aunt", "uncle"]
MONTHS = (
    "January February March April May June July August September October November December"
).split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
Planter = Callable[[str, random.Random], Iterator[Edit]]


def numbers(note: str, rng: random.Random) -> Iterator[Edit]:
    for m in NUMBER.finditer(note):
        if re.match(rf"\s?(?:{MASS})\b", note[m.end() :]) or re.match(r"\.\s", note[m.end() :]):
            continue
        yield Edit(*m.span(), other_number(m.group(), rng))


def other_number(text: str, rng: random.Random) -> str:
    """Another number that looks like it: a step, a slipped digit, a swapped pair of digits."""
    places = len(text.partition(".")[2])
    value = float(text)
    step = 10.0**-places
    options = {value + k * step for k in (-3, -2, -1, 1, 2, 3, 5)} | {value * 10, value + 10 * step}
    digits = text.replace(".", "")
    if len(digits) > 1 and digits[0] != digits[1]:
        options.add(float(text.replace(digits[:2], digits[1::-1], 1)))
    choices = sorted(v for v in options if v > 0 and f"{v:.{places}f}" != text)
    return f"{rng.choice(choices):.{places}f}"


def units(note: str, rng: random.Random) -> Iterator[Edit]:
    body = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
    for m in re.finditer(rf"(?<=\d)([\s-]?)({body})(?![\w/])", note):
        yield Edit(m.start(2), m.end(2), rng.choice(UNITS[m[2]]))


def doses(note: str, rng: random.Random) -> Iterator[Edit]:
    for m in re.finditer(rf"(\d+(?:\.\d+)?)[\s-]?(?:{MASS})\b(?!/)", note):
        value = float(m[1])
        options = [v for v in (value * 2, value / 2, value * 10, value + 5) if v > 0]
        yield Edit(m.start(1), m.end(1), f"{rng.choice(options):g}")


def drugs(note: str, rng: random.Random) -> Iterator[Edit]:
    body = "|".join({*DRUGS, *LOOKALIKE})
    for m in re.finditer(rf"\b(?:{body})\b", note, re.I):
        like = {k.lower(): v for k, v in LOOKALIKE.items()}.get(m.group().lower())
        other = like if like and rng.random() < 0.5 else rng.choice(DRUGS)
        if other.lower() != m.group().lower():
            yield Edit(*m.span(), other)


def laterality(note: str, rng: random.Random) -> Iterator[Edit]:
    for m in SIDE.finditer(note):
        other = "right" if m[1].lower() == "left" else "left"
        yield Edit(*m.span(), other.capitalize() if m[1][0].isupper() else other)


NEGATIONS = (
    (r"\bdenies (?!that)", "reports "), (r"\bDenies ", "Reports "), (r"\bdenied ", "reported "),
    (r"\b[Nn]o (?=[a-z]+)(?!longer|change|further|one|known|acute)", ""),
    (r"\bnegative for\b", "positive for"), (r"\bNegative for\b", "Positive for"),
    (r"\bpositive for\b", "negative for"), (r"\bPositive for\b", "Negative for"),
    (r"\bdoes not (?=smoke|drink|use|have)", "does "), (r"\bhas not had\b", "has had"),
    (r"\bEndorses ", "Denies "), (r"\bendorses ", "denies "),
    (r"\breports (?!that|he|she|the|his|her|being|no)(?=[a-z]+)", "denies "),
    (r"\b[Ww]ithout (?=[a-z]+)", "with "), (r"\bcomplains of ", "denies "),
    (r"\bhas (?=pain|fever|cough|diabetes|hypertension|asthma|nausea|a history of)", "has no "),
)  # fmt: skip


def negation(note: str, rng: random.Random) -> Iterator[Edit]:
    for pattern, instead in NEGATIONS:
        for m in re.finditer(pattern, note):
            yield Edit(*m.span(), instead)


def experiencer(note: str, rng: random.Random) -> Iterator[Edit]:
    for m in re.finditer(rf"\b(?:{'|'.join(RELATIVES)})\b", note, re.I):
        other = rng.choice([r for r in RELATIVES if r != m.group().lower()])
        yield Edit(*m.span(), other.capitalize() if m.group()[0].isupper() else other)
    body = "|".join(RELATIVES)
    for m in re.finditer(rf"\b(His|Her|The patient's) (?:{body}) (?=has|had|died|is|was)", note):
        yield Edit(*m.span(), "The patient ")
    for m in re.finditer(r"\b(?:He|She|The patient) (?=has (?:a )?(?:history|diabetes|had))", note):
        yield Edit(*m.span(), f"The patient's {rng.choice(RELATIVES)} ")


def dates(note: str, rng: random.Random) -> Iterator[Edit]:
    for m in re.finditer(r"\b(\d{1,2})/(\d{1,2})/(\d{2,4})\b", note):
        part = rng.choice((1, 2, 3))
        limit = {1: 12, 2: 28, 3: 10**4}[part]
        value = int(m[part])
        new = value % limit + 1 if part < 3 else value + rng.choice((-1, 1, -2))
        yield Edit(m.start(part), m.end(part), f"{new:0{len(m[part])}d}")
    for m in re.finditer(rf"\b(?:{'|'.join(MONTHS)})\b(?! be)", note):
        yield Edit(*m.span(), rng.choice([x for x in MONTHS if x != m.group()]))
    for m in re.finditer(r"\b(?:19|20)\d\d\b(?!/)", note):
        yield Edit(*m.span(), str(int(m.group()) + rng.choice((-3, -2, -1, 1, 2))))
    for m in re.finditer(rf"\b(?:{'|'.join(WEEKDAYS)})\b", note):
        yield Edit(*m.span(), rng.choice([x for x in WEEKDAYS if x != m.group()]))
    for m in re.finditer(r"\b(\d{1,2}) (?:days|weeks|months|years) (?:ago|prior)", note):
        yield Edit(m.start(1), m.end(1), other_number(m[1], rng))


PLANTERS: dict[str, Planter] = {
    "number": numbers,
    "unit": units,
    "dose": doses,
    "drug swap": drugs,
    "laterality": laterality,
    "negation": negation,
    "experiencer": experiencer,
    "date": dates,
}
INVENTED = (
    "He also reports hemoptysis.", "She has had three episodes of syncope.", "There is jaundice.",
    "The patient also has night sweats.", "Examination shows splenomegaly.", "She has hematuria.",
    "He has a history of pulmonary embolism.", "The patient has had seizures.", "Melena is noted.",
    "She is being treated for tuberculosis.", "He reports double vision.", "There is clubbing.",
    "The patient underwent appendectomy.", "She has a history of gout.", "He has glaucoma.",
    "A pleural effusion was found.", "The patient has hoarseness.", "She has photophobia.",
    "The patient reports suicidal thoughts.", "He has urinary retention.", "She has lupus.",
    "Papilledema was seen.", "He is on dialysis.", "A pacemaker is in place.", "She has vertigo.",
    "The patient has psoriasis.", "He has a history of pancreatitis.", "She reports tinnitus.",
)  # fmt: skip


def invent(note: str, sentences: Sequence[str], rng: random.Random) -> Edit:
    """An invented finding in a sentence of its own, at the end of a line."""
    ends = [m.end() for m in re.finditer(r"[.](?=\n|$| )", note)] or [len(note)]
    at = rng.choice(ends)
    return Edit(at, at, " " + rng.choice(sentences))


def plant(
    notes: Sequence[tuple[str, str]],
    foreign: Sequence[str],
    each: int,
    seed: int = 7,
    planters: Mapping[str, Planter] = PLANTERS,
) -> list[Planted]:
    """About `each` drafts of every kind, spread over the notes (document name, text).

    `foreign` holds sentences of other patients' notes, planted as a further kind of invention;
    without any the kind is left out.
    """
    planted: list[Planted] = []
    for kind, planter in planters.items():
        rng = random.Random(f"{seed} {kind}")
        options = [(name, note, edit) for name, note in notes for edit in planter(note, rng)]
        rng.shuffle(options)
        planted += [_apply(kind, *option) for option in _spread(options, each)]
    for kind, sentences in (("invented finding", INVENTED), ("foreign sentence", foreign)):
        if not sentences:
            continue
        rng = random.Random(f"{seed} {kind}")
        for name, note in rng.sample(list(notes), min(each, len(notes))):
            planted.append(_apply(kind, name, note, invent(note, sentences, rng)))
    return planted


def _spread(options: list[tuple[str, str, Edit]], each: int) -> list[tuple[str, str, Edit]]:
    """At most `each` options, taking another document as long as there is one."""
    rounds: dict[str, int] = {}
    ranked = []
    for option in options:
        rounds[option[0]] = rounds.get(option[0], 0) + 1
        ranked.append((rounds[option[0]], option))
    ranked.sort(key=lambda r: r[0])
    return [option for _, option in ranked[:each]]


def _apply(kind: str, name: str, note: str, edit: Edit) -> Planted:
    draft = note[: edit.start] + edit.text + note[edit.end :]
    text = edit.text
    start = edit.start + len(text) - len(text.lstrip())
    return Planted(kind, name, draft, start, edit.start + len(text), note[edit.start : edit.end])
