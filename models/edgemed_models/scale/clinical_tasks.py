"""The clinical tasks: from the same facts each writes a text about a patient, and an answer.

The models are trained on five kinds; no model sees the sixth, `HANDOFF`, before few-shot tuning.
"""

from collections.abc import Callable
from random import Random

from . import clinical_words as words
from .items import Item, with_article
from .patients import Patient, Prescription, Split, draw_patient, is_held_out

Rendering = tuple[str, tuple[str, ...]]  # the source text, and the lines of its reference

REQUESTS = {
    "impression": (
        "Write the impression.",
        "Give the impression of this study.",
        "State the radiology impression.",
    ),
    "discharge": (
        "Write the discharge summary.",
        "Summarize the hospital course.",
        "Give a short discharge summary.",
    ),
    "section": (
        "Write the note section for this visit.",
        "Turn the dialogue into a note section.",
        "Document this visit.",
    ),
    "question": (
        "Shorten the patient's question.",
        "Ask the question in one short sentence.",
        "State the short question.",
    ),
    "problems": (
        "Write the problem list.",
        "List the active problems.",
        "Make a problem list from this note.",
    ),
    "handoff": ("Write the handoff line.", "Hand over this patient in short."),
}


def clinical_item(rng: Random, kind: str, split: Split) -> Item:
    """One item of the clinical task `kind`; the request comes after the source text."""
    text, lines = RENDERERS[kind](rng, draw_patient(rng, split), split)
    prompt = f"{text}\n{rng.choice(REQUESTS[kind])}"
    return Item(kind, prompt, "\n".join(lines), lines)


def render_impression(rng: Random, patient: Patient, _: Split) -> Rendering:
    """Radiology findings, normal and abnormal; the impression keeps the abnormal ones in order."""
    normals = rng.sample(words.STUDIES[patient.study][2], rng.randint(1, 3))
    sentences = [sentence_of_finding(rng, *finding) for finding in patient.imaging]
    for sentence in normals:
        sentences.insert(rng.randint(0, len(sentences)), sentence)
    heading = rng.choice(("Study: {}.", "Examination: {}.", "{} findings:")).format(patient.study)
    return f"{heading} {' '.join(sentences)}", tuple(f.text for f in patient.imaging)


def sentence_of_finding(rng: Random, size: str, side: str, finding: str) -> str:
    """One abnormal finding in one of many phrasings."""
    return rng.choice(
        (
            "There is a {size} {side} {finding}.",
            "Noted is a {size} {side} {finding}.",
            "On the {side}, a {size} {finding} is seen.",
            "A {size} {finding} is present on the {side}.",
            "The {side} side shows a {size} {finding}.",
            "The study shows a {size} {side} {finding}.",
        )
        if side != "bilateral"
        else (
            "There is {size} {side} {finding}.",
            "Noted is {size} {side} {finding}.",
            "The study shows {size} {side} {finding}.",
        )
    ).format(size=size, side=side, finding=finding)


def render_discharge(rng: Random, p: Patient, _: Split) -> Rendering:
    """A hospital course; the summary keeps diagnosis, procedures, discharge drugs, follow-up."""
    opening = rng.choice(
        (
            "{who} came in with {complaint} and was admitted for {admission}.",
            "The patient, a {sex} of {age}, was admitted for {admission} after {complaint}.",
            "This {age}-year-old {sex} was admitted with {complaint}. Diagnosis was {admission}.",
        )
    ).format(
        who=with_article(f"{p.age}-year-old {p.sex}").capitalize(),
        age=p.age,
        sex=p.sex,
        complaint=p.complaint,
        admission=p.admission,
    )
    procedures = rng.choice(("Workup: {}.", "The team did {}.", "The stay included {}.")).format(
        " and ".join(p.procedures)
    )
    drugs = rng.choice(
        ("Discharge drugs: {}.", "Sent home on {}.", "At discharge takes {}.", "Discharged on {}.")
    ).format(listed(p.prescriptions))
    follow = rng.choice(
        (
            "Follow-up with {} in {} weeks.",
            "To be seen by {} in {} weeks.",
            "An appointment with {} in {} weeks was made.",
        )
    ).format(p.clinic, p.weeks)
    noise = distractors(rng, p, 2)
    text = " ".join((opening, noise[0], procedures, noise[1], drugs, follow))
    lines = (
        f"admitted for {p.admission}",
        *(f"had {procedure}" for procedure in p.procedures),
        *(f"discharged on {drug.text}" for drug in p.prescriptions),
        f"follow-up with {p.clinic} in {p.weeks} weeks",
    )
    return text, lines


def distractors(rng: Random, p: Patient, count: int) -> list[str]:
    """Sentences of a note that no reference contains."""
    return rng.sample(
        (
            f"Pulse was {p.pulse}.",
            f"Blood pressure was {p.pressure}.",
            f"The patient denied {p.negatives[0]}.",
            f"Past surgery: {p.surgery}.",
            "The night was quiet.",
            "Pain was well controlled.",
            "Diet was advanced as tolerated.",
            f"Temperature was 3{6 + p.pulse % 3}.{p.pulse % 10}.",
        ),
        count,
    )


def listed(prescriptions: tuple[Prescription, ...]) -> str:
    """Drugs in one sentence: a, b and c."""
    texts = [drug.text for drug in prescriptions]
    return " and ".join((", ".join(texts[:-1]), texts[-1])) if len(texts) > 1 else texts[0]


def render_section(rng: Random, p: Patient, _: Split) -> Rendering:
    """A visit dialogue; the note section keeps complaint, negatives, drugs and allergy."""
    drug = p.prescriptions[0]
    exchanges = [
        (
            rng.choice(("What brings you in?", "How can I help?", "What is going on today?")),
            rng.choice(("I have had {} for {}.", "I've got {} for {} now.", "It's {} for {}.")),
        ),
        (
            f"{rng.choice(('Any', 'Have you had', 'Do you have'))} {' or '.join(p.negatives)}?",
            rng.choice(("No.", "No, none of that.", "No, not at all.", "I don't.")),
        ),
        (
            rng.choice(("Any medicines?", "What do you take?", "Which drugs do you use?")),
            rng.choice(("I take {}.", "Just {}.", "I am on {}.")).format(drug.text),
        ),
        (
            rng.choice(("Any allergies?", "Are you allergic to anything?")),
            rng.choice(("I am allergic to {}.", "Yes, {}.", "{}, it gave me hives.")).format(
                p.allergy
            ),
        ),
    ]
    exchanges[0] = (exchanges[0][0], exchanges[0][1].format(p.complaint, p.duration))
    chat = (rng.choice(("Nice weather today.", "Did you find parking?")), "Yes, thank you.")
    if rng.random() < 0.5:
        exchanges.insert(rng.randint(0, 2), chat)
    text = "\n".join(f"Doctor: {asked}\nPatient: {said}" for asked, said in exchanges)
    lines = (
        f"reports {p.complaint} for {p.duration}",
        *(f"denies {negative}" for negative in p.negatives),
        f"takes {drug.text}",
        f"allergic to {p.allergy}",
    )
    return text, lines


QUESTIONS = (
    (
        "what are the side effects of {drug}?",
        (
            "I want to know what problems {drug} can cause.",
            "I worry about side effects from {drug}.",
            "Does {drug} have bad effects I should watch for?",
        ),
    ),
    (
        "can I take {drug} with {other}?",
        (
            "Is it safe to use {drug} together with {other}?",
            "I was given {drug} but I am already on {other}. Is that all right?",
            "Do {drug} and {other} go together?",
        ),
    ),
    (
        "what should I do after a missed dose of {drug}?",
        (
            "I forgot my {drug} this morning and do not know what to do.",
            "Yesterday I skipped {drug} by mistake. Do I take two now?",
        ),
    ),
    (
        "what is the treatment for {condition}?",
        (
            "They found {condition} and I want to know how it is treated.",
            "Which treatments are there for {condition}?",
            "How do doctors treat {condition}?",
        ),
    ),
    (
        "how long does {complaint} last?",
        (
            "I wonder when the {complaint} will go away.",
            "Will my {complaint} go on for long?",
        ),
    ),
    (
        "is {condition} inherited?",
        (
            "My mother had {condition}. Will my children get it?",
            "Does {condition} run in families?",
        ),
    ),
)


def render_question(rng: Random, p: Patient, split: Split) -> Rendering:
    """A patient's long message; the reference is its one question, shortened."""
    other = rng.choice([d.name for d in words.DRUGS if d.name != p.prescriptions[0].drug])
    facts = {
        "drug": p.prescriptions[0].drug,
        "other": other,
        "condition": p.prescriptions[-1].condition,
        "complaint": p.complaint,
    }
    short, phrasings = rng.choice(QUESTIONS)
    if split != "test" and is_held_out(short, facts["drug"], facts["condition"]):
        short, phrasings = QUESTIONS[1]
    opening = rng.choice(("Hello, ", "Hi doctor, ", "Good morning. ", "Dear team, ", ""))
    about = rng.choice(
        (
            f"I am {with_article(f'{p.age} year old {p.sex}')}.",
            f"I am {p.age} and had {p.surgery} years ago.",
            f"I am {p.age} and allergic to {p.allergy}.",
        )
    )
    closing = rng.choice(("Thank you.", "Thanks for your help.", "Please answer soon.", ""))
    text = f"{opening}{about} {rng.choice(phrasings).format(**facts)} {closing}".strip()
    return text, (short.format(**facts),)


def render_problems(rng: Random, p: Patient, _: Split) -> Rendering:
    """A clinic note; the problem list pairs conditions with drugs and names abnormal results."""
    drugs = [
        rng.choice(
            (
                "{condition} treated with {text}.",
                "Has {condition}, on {text}.",
                "For {condition} takes {text}.",
                "Known {condition}: continues {text}.",
            )
        ).format(condition=drug.condition, text=drug.text)
        for drug in p.prescriptions
    ]
    labs = [
        f"{lab.name} {lab.value} {lab.unit}{f' ({lab.flag})' if lab.flag else ''}"
        for lab in p.results
    ]
    noise = distractors(rng, p, 2)
    opening = f"{p.age}-year-old {p.sex}, {rng.choice(('seen in clinic', 'here for review'))}."
    text = " ".join((opening, noise[0], *drugs, noise[1], f"Labs: {', '.join(labs)}."))
    lines = (
        *(f"{drug.condition}: {drug.text}" for drug in p.prescriptions),
        *(f"{lab.flag} {lab.name}: {lab.value} {lab.unit}" for lab in p.results if lab.flag),
    )
    return text, lines


def render_handoff(rng: Random, p: Patient, _: Split) -> Rendering:
    """A ward note; the reference is who, why admitted, what to watch, and the allergy."""
    lab = p.results[0]
    noise = distractors(rng, p, 2)
    where = rng.choice(("Bed", "Room"))
    text = (
        f"{where} {p.weeks}: {p.age}-year-old {p.sex}. {noise[0]} Here because of {p.admission}. "
        f"{noise[1]} Tonight repeat {lab.name}, last {lab.value} {lab.unit}. "
        f"Allergy: {p.allergy}."
    )
    lines = (
        f"{p.age}-year-old {p.sex} with {p.admission}",
        f"repeat {lab.name} tonight",
        f"no {p.allergy}",
    )
    return text, lines


RENDERERS: dict[str, Callable[[Random, Patient, Split], Rendering]] = {
    "impression": render_impression,
    "discharge": render_discharge,
    "section": render_section,
    "question": render_question,
    "problems": render_problems,
    "handoff": render_handoff,
}
CLINICAL_KINDS = ("impression", "discharge", "section", "question", "problems")
UNSEEN_KIND = "handoff"
