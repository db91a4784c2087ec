"""Plants an error in what a note says about something: how severe, where, whether it continues.

These are kinds besides those of `planting`, which change the thing itself or its number. Written
from the notes' wording alone, without the checker's code or lists. A kind is a table of swaps, or a
function where the new words come from elsewhere in the same note.
"""

import random
import re
from collections.abc import Iterator, Sequence
from functools import partial

from edgemed.evals.planting import DRUGS, MASS, NEGATIONS, RELATIVES, Edit, Planter

Swap = tuple[str, tuple[str, ...]]

_DRUG = rf"(?:{'|'.join(DRUGS)})"
STATUS: tuple[Swap, ...] = (
    (r"\bcontinue(?= (?:\w+ ){0,2}(?:" + "|".join(DRUGS) + r"|medic))", ("discontinue", "hold")),
    (r"\bContinue(?! to)(?= [a-z])", ("Discontinue", "Hold")),
    (r"\bcontinue (?=(?:on|with|taking|the|his|her|current)\b)", ("stop ",)),
    (r"\b(?:discontinue|stop|hold)(?= (?:the |his |her |taking )?\w+)", ("continue",)),
    (r"\b(?:Discontinue|Stop|Hold)(?= (?:the |his |her |taking )?\w+)", ("Continue",)),
    (r"\b(?:discontinued|stopped)(?= (?:the |his |her |taking )?\w+)", ("continued",)),
    (r"\bincrease(?= (?:the |his |her |your )?(?:dose|" + _DRUG + "))", ("decrease",)),
    (r"\bdecrease(?= (?:the |his |her |your )?(?:dose|" + _DRUG + "))", ("increase",)),
    (r"\bincreased (?=(?:the |his |her )?" + _DRUG + ")", ("decreased ",)),
    (r"\b(?:takes|is taking|is on) (?=(?:\w+ )?" + _DRUG + ")", ("stopped taking ",)),
    (r"\bis currently (?=taking|on\b|using)", ("is no longer ",)),
    (r"\bformer smoker", ("current smoker",)),
    (r"\b(?:quit smoking|stopped smoking)", ("smokes",)),
    (r"\b(?:has|have) resolved\b", ("is ongoing",)),
    (r"\b[Ss]tart (?=(?:\w+ )?" + _DRUG + ")", ("Stop ",)),
    (r"\b(?:was|were) started on\b", ("was taken off",)),
)
SEVERITY: tuple[Swap, ...] = (
    (r"\b(?:mild|slight|minimal)\b", ("severe",)), (r"\b(?:Mild|Slight)\b", ("Severe",)),
    (r"\b(?:mildly|slightly|minimally)\b", ("severely",)),
    (r"\bmoderate\b", ("mild", "severe")), (r"\bModerate\b", ("Mild", "Severe")),
    (r"\bmoderately\b", ("mildly", "severely")),
    (r"\bsevere\b", ("mild",)), (r"\bSevere\b", ("Mild",)), (r"\bseverely\b", ("mildly",)),
)  # fmt: skip
CERTAINTY: tuple[Swap, ...] = (
    (r"\b(?:possible|probable|suspected|questionable|presumed|likely) (?=[a-z]{4})", ("",)),
    (r"\b(?:Possible|Probable|Suspected|Likely) (?=[a-z]{4})", ("Confirmed ",)),
    (r"\b(?:is|was|are) (?:likely|probably|possibly|suspicious for)\b", ("is",)),
    (r"\b(?:may|might|could) be\b", ("is",)), (r"\b(?:may|might|could) have\b", ("has",)),
    (r"\b(?:concern(?:ing)? for|suspicious for|suspicion of)\b", ("diagnostic of",)),
    (r"\b(?:possibly|probably|likely) (?=due|secondary|related|from)", ("",)),
)  # fmt: skip
SEX: tuple[Swap, ...] = (
    (r"\bfemale\b", ("male",)), (r"\bmale\b", ("female",)), (r"\bwoman\b", ("man",)),
    (r"\bman\b", ("woman",)), (r"\bgentleman\b", ("woman",)), (r"\blady\b", ("gentleman",)),
    (r"\bgirl\b", ("boy",)), (r"\bboy\b", ("girl",)),
)  # fmt: skip
PARTS = (
    ("shoulder", "elbow", "wrist", "hand", "arm", "thumb"),
    ("hip", "knee", "ankle", "foot", "leg", "thigh", "heel"),
    ("neck", "back", "chest", "abdomen"), ("ear", "eye", "nose", "throat"),
    ("cervical", "thoracic", "lumbar"), ("ankles", "knees", "hips", "feet"),
    ("kidney", "liver", "lung"), ("knees", "shoulders", "hands"),
)  # fmt: skip
DIRECTION: tuple[Swap, ...] = (
    (r"\b(?:elevated|high|raised)\b(?! (?:school|risk|cholesterol|blood|dose))", ("low", "normal")),
    (r"\b(?:Elevated|High)\b(?! (?:school|risk|cholesterol|blood))", ("Low",)),
    (r"\blow\b(?! (?:back|salt|sodium|fat|carb|dose|impact|risk))", ("high",)),
    (r"\bincreased\b(?! (?:the|his|her|to))", ("decreased",)),
    (r"\b(?:decreased|reduced)\b(?! (?:the|his|her|to))", ("increased",)),
)
TREND: tuple[Swap, ...] = (
    (r"\bimproved\b", ("worsened",)), (r"\bimproving\b", ("worsening",)),
    (r"\bworsened\b", ("improved",)), (r"\bworsening\b", ("improving",)),
    (r"\bworse\b", ("better",)), (r"\bbetter\b", ("worse",)),
    (r"\bimproves\b", ("worsens",)), (r"\bworsens\b", ("improves",)),
    (r"\b(?:aggravated|exacerbated) by\b", ("relieved by",)), (r"\brelieved\b", ("aggravated",)),
)  # fmt: skip
NOT_DROPPED: tuple[Swap, ...] = (
    (r"\b(?:does|did|do) not (?=[a-z])", ("",)), (r"\b(?:is|are|was|were) not\b", ("is",)),
    (r"\b(?:has|have|had) not\b", ("has",)), (r"\bcannot\b", ("can",)),
    (r"\b(?:would|should|could|will) not\b", ("will",)), (r"\bhas never\b", ("has",)),
)  # fmt: skip
FREQUENCY: tuple[Swap, ...] = (
    (r"(?<!twice )(?<!times )(?<!once )\bdaily\b(?! (?:living|activit|basis))",
     ("weekly", "twice daily")),
    (r"\bonce (?=(?:a|per|every)? ?(?:day|daily|week))", ("three times ",)),
    (r"\btwice (?=(?:a|per|every)? ?(?:day|daily|week))", ("once ", "four times ")),
    (r"\b(?:three|3) times (?=(?:a|per)? ?(?:day|daily|week))", ("once ", "six times ")),
    (r"\b(?:two|2) times (?=(?:a|per)? ?(?:day|daily|week))", ("five times ",)),
    (r"\bevery day\b", ("every week",)), (r"\bb\.?i\.?d\b\.?", ("q.i.d.",)),
    (r"\bt\.?i\.?d\b\.?", ("daily",)), (r"\bweekly\b", ("daily",)), (r"\bper day\b", ("per week",)),
    (r"\b(?:a|per) week\b", ("a day",)), (r"\ba day\b", ("a week",)), (r"\bmonthly\b", ("weekly",)),
    (r"\bevery (?:4|four|six|6|8|eight) hours\b", ("every 24 hours",)),
    (r"\boccasional\b", ("daily",)), (r"\boccasionally\b", ("every day",)),
)  # fmt: skip
PAIRED = "knees|hips|legs|arms|hands|feet|ears|eyes|ankles|shoulders|lower|upper"
BOTH: tuple[Swap, ...] = (
    (r"\bbilateral\b", ("left", "right")), (r"\bBilateral\b", ("Left", "Right")),
    (r"\bbilaterally\b", ("on the left", "on the right")),
    (rf"\bboth (?=(?:\w+ )?(?:{PAIRED}))", ("the right ", "the left ")),
)  # fmt: skip
LOOKALIKE: tuple[Swap, ...] = tuple(
    (rf"\b{was}\b", (now,))
    for was, now in (
        ("metformin", "metronidazole"), ("hydroxyzine", "hydralazine"),
        ("prednisone", "prednisolone"),
        ("hydrocodone", "oxycodone"), ("lisinopril", "enalapril"), ("amlodipine", "felodipine"),
        ("losartan", "valsartan"), ("omeprazole", "lansoprazole"), ("metoprolol", "propranolol"),
        ("atorvastatin", "rosuvastatin"), ("Lipitor", "Crestor"), ("Lasix", "Luvox"),
        ("furosemide", "torsemide"), ("ibuprofen", "naproxen"), ("meloxicam", "celecoxib"),
        ("tramadol", "trazodone"), ("Zyrtec", "Zantac"), ("Celexa", "Celebrex"),
        ("Lexapro", "Luvox"), ("Prozac", "Prograf"), ("Xanax", "Zanaflex"),
        ("albuterol", "atenolol"),
        ("digoxin", "doxepin"), ("warfarin", "heparin"), ("Coumadin", "Cardura"),
        ("methotrexate", "metolazone"), ("gabapentin", "pregabalin"), ("amoxicillin", "ampicillin"),
        ("penicillin", "penicillamine"), ("clonidine", "clonazepam"), ("carvedilol", "captopril"),
        ("hydrochlorothiazide", "hydroxychloroquine"), ("insulin", "inulin"), ("Plavix", "Paxil"),
        ("Norvasc", "Navane"), ("Protonix", "Prilosec"), ("Flonase", "Flovent"),
        ("Percocet", "Percodan"),
        ("Tylenol", "Toradol"), ("aspirin", "Aggrenox"), ("Advil", "Aleve"), ("Motrin", "Mobic"),
    )
)  # fmt: skip
DIAGNOSES: tuple[Swap, ...] = tuple(
    (rf"\b{was}\b", (now,))
    for one, other in (
        ("hypertension", "hypotension"), ("hypothyroidism", "hyperthyroidism"),
        ("hypoglycemia", "hyperglycemia"), ("hyperkalemia", "hypokalemia"),
        ("hyponatremia", "hypernatremia"), ("hypercholesterolemia", "hypocalcemia"),
        ("osteoarthritis", "rheumatoid arthritis"), ("bronchitis", "bronchiolitis"),
        ("tachycardia", "bradycardia"), ("pneumonia", "pneumothorax"), ("type 2", "type 1"),
        ("diverticulitis", "diverticulosis"), ("gastritis", "gastroenteritis"),
        ("ulcerative colitis", "Crohn's disease"), ("cystitis", "cholecystitis"),
        ("Crohn's disease", "celiac disease"), ("pharyngitis", "laryngitis"),
        ("sprain", "fracture"),
        ("fracture", "dislocation"), ("stroke", "seizure"), ("arthritis", "arthralgia"),
        ("asthma", "emphysema"), ("hyperlipidemia", "hypertension"), ("anxiety", "psychosis"),
        ("osteoporosis", "osteomyelitis"), ("otitis media", "otitis externa"), ("gout", "goiter"),
        ("coronary artery disease", "peripheral artery disease"),
        ("nephrolithiasis", "cholelithiasis"),
        ("congestive heart failure", "chronic renal failure"), ("depression", "dementia"),
        ("diabetes", "diabetes insipidus"), ("migraine", "meningitis"), ("anemia", "leukemia"),
        ("sinusitis", "rhinitis"), ("kidney stones", "gallstones"), ("COPD", "CHF"),
    )
    for was, now in ((one, other), (other, one))
)  # fmt: skip
ALLERGENS = (
    "penicillin",
    "sulfa",
    "codeine",
    "latex",
    "aspirin",
    "iodine",
    "morphine",
    "shellfish",
)


DEVICE = (
    r"(?:catheter|foley|drain|picc(?: line)?|central line|port|chest tube|feeding tube|ng tube"
    r"|tubes?|stent|pacemaker|defibrillator|hardware|cast|splint|sutures?|stitches|staples|iud|packing"
    r"|pessary)s?"
)
_IS = r"(?:is|are|was|were|has been|have been)"
INSTEAD = {
    "removed": "left in place", "taken out": "left in place", "pulled": "left in place",
    "placed": "removed", "inserted": "removed", "in place": "out", "removal": "placement",
    "placement": "removal", "insertion": "removal",
}  # fmt: skip
BECAME = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\b{DEVICE} (?:{_IS} )?(?P<state>removed|taken out|pulled|placed|inserted|in place)\b",
        rf"\b{DEVICE} (?P<state>removal|placement|insertion)\b",
        r"\b(?P<state>removal|placement|insertion) of (?:an?|the|his|her) (?:\w+ ){0,2}"
        rf"{DEVICE}\b",
    )
)


def devices(note: str, rng: random.Random) -> Iterator[Edit]:
    """A device taken out where it was put in or left in, and the other way round."""
    for pattern in BECAME:
        for m in pattern.finditer(note):
            yield Edit(*m.span("state"), INSTEAD[m["state"].lower()])


def swaps(table: Sequence[Swap], note: str, rng: random.Random) -> Iterator[Edit]:
    """Every place where a pattern of the table matches, with one of its replacements."""
    for pattern, options in table:
        for m in re.finditer(pattern, note):
            yield Edit(*m.span(), rng.choice(options))


def body_parts(note: str, rng: random.Random) -> Iterator[Edit]:
    """A part of the body for another of the same region."""
    for group in PARTS:
        for m in re.finditer(rf"\b(?:{'|'.join(group)})\b(?! (?:pain )?(?:to|up|at)\b)", note):
            yield Edit(*m.span(), rng.choice([part for part in group if part != m.group()]))


REASON = re.compile(
    r"\b(?:due to|secondary to|because of|caused by|related to|for (?:her|his|the)"
    r"|treatment of|treated for)\s+(?P<what>[a-z][a-z ]{3,40}?)(?=[.,;\n]| and\b| with\b)"
)
PROBLEM = re.compile(
    r"\b(?:hypertension|diabetes|asthma|arthritis|anemia|depression|anxiety|pneumonia|bronchitis"
    r"|headaches?|back pain|knee pain|chest pain|cough|fever|nausea|dizziness|gout|infection"
    r"|swelling|reflux|COPD|migraines?|fracture|fall|weakness|constipation|obesity|smoking"
    r"|heart failure|kidney stones?|dehydration|allergies|rash|seizures?|stroke|surgery)\b"
)


def reasons(note: str, rng: random.Random) -> Iterator[Edit]:
    """A cause or an indication for another problem of the same note."""
    problems = sorted({m.group() for m in PROBLEM.finditer(note)})
    for m in REASON.finditer(note):
        others = [p for p in problems if p not in m["what"] and m["what"] not in p]
        if others and PROBLEM.search(m["what"]):
            yield Edit(*m.span("what"), rng.choice(others))


def negations_dropped(note: str, rng: random.Random) -> Iterator[Edit]:
    """What is denied made present."""
    for pattern, instead in NEGATIONS:
        if instead.startswith(("rep", "Rep", "pos", "Pos", "with")) or not instead:
            yield from (Edit(*m.span(), instead) for m in re.finditer(pattern, note))


def negations_added(note: str, rng: random.Random) -> Iterator[Edit]:
    """What is present made denied."""
    for pattern, instead in NEGATIONS:
        if instead.startswith(("den", "Den", "neg", "Neg", "has no")):
            yield from (Edit(*m.span(), instead) for m in re.finditer(pattern, note))


# A sentence's beginning up to the illness that runs in the family; one that denies it is left out.
FAMILY = re.compile(
    r"(?:^|(?<=[.\n:] ))(?:There is (?:a |an )?|(?:The )?[Pp]atient (?:has|reports) (?:a )?"
    r"|(?:He|She) (?:has|reports) (?:a )?)?[Ff]amily history (?:is )?"
    r"(?:of|significant for|positive for|includes)(?! no\b)",
    re.MULTILINE,
)


def to_the_patient(note: str, rng: random.Random) -> Iterator[Edit]:
    """A relative's illness given to the patient."""
    body = "|".join(RELATIVES)
    for m in re.finditer(rf"\b(?:His|Her|The patient's) (?:{body}) (?=has|had|died|is|was)", note):
        yield Edit(*m.span(), "The patient ")
    for m in FAMILY.finditer(note):
        yield Edit(*m.span(), "The patient has a history of")
    for m in re.finditer(rf",? (?:in|with) (?:his|her|the) (?:\w+ )?(?:{body})\b", note):
        yield Edit(*m.span(), " in the patient")
    alone = rf"(?:^|(?<=[.\n] ))(?:{body})(?: (?:with|had|has)|:|,) (?=[a-z])(?!absence|no )"
    for m in re.finditer(alone, note, re.I | re.M):
        yield Edit(*m.span(), "Patient has ")


DOSE = re.compile(rf"\d+(?:\.\d+)?(?=[\s-]?(?:{MASS})\b(?!/))")


def doses_exchanged(note: str, rng: random.Random) -> Iterator[Edit]:
    """A drug with another dose of the same note."""
    found = list(DOSE.finditer(note))
    for m in found:
        others = sorted({o.group() for o in found} - {m.group()})
        if others:
            yield Edit(*m.span(), rng.choice(others))


def allergens(note: str, rng: random.Random) -> Iterator[Edit]:
    """An allergen for another, or a denied allergy made one."""
    body = "|".join(
        (*ALLERGENS, "Percocet", "erythromycin", "Bactrim", "amoxicillin", "tetracycline")
    )
    for m in re.finditer(rf"\b[Aa]llerg[^.\n]{{0,30}}?\b(?P<drug>{body})\b", note, re.I):
        options = [a for a in ALLERGENS if a not in m["drug"].lower()]
        yield Edit(*m.span("drug"), rng.choice(options))
    for m in re.finditer(
        r"\b(?:[Nn]o known (?:drug |medical |medication )?allergies|NKDA)\b", note
    ):
        yield Edit(*m.span(), f"Allergic to {rng.choice(ALLERGENS)}")


ATTRIBUTES: dict[str, Planter] = {
    "status": partial(swaps, STATUS),
    "severity": partial(swaps, SEVERITY),
    "certainty": partial(swaps, CERTAINTY),
    "sex": partial(swaps, SEX),
    "body part": body_parts,
    "high or low": partial(swaps, DIRECTION),
    "better or worse": partial(swaps, TREND),
    "not dropped": partial(swaps, NOT_DROPPED),
    "frequency": partial(swaps, FREQUENCY),
    "reason": reasons,
    "denied to present": negations_dropped,
    "present to denied": negations_added,
    "relative to patient": to_the_patient,
    "both to one": partial(swaps, BOTH),
    "another's dose": doses_exchanged,
    "look-alike drug": partial(swaps, LOOKALIKE),
    "like diagnosis": partial(swaps, DIAGNOSES),
    "allergen": allergens,
    "device": devices,
}
"""Each kind with what yields its edits, as `planting.PLANTERS`."""
