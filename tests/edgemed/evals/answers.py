"""Answers of many forms, made by chance: what the checkers of instructions are tried on."""

import json
import random

SENTENCES = (
    "The patient was seen in the clinic today.",
    "He takes 5 mg of Dr. Smith's tablets, i.e. half a dose!",
    "Is there anything else I can help with?",
    "My answer is maybe.",
    "Results came at 3.15 p.m. on Jan. 4, and all were fine...",
    "An X-ray WAS done; the ECG and the MRI were NOT.",
    "Let me know if you have additional questions.",
    "the river runs past the old mill, and nobody minds",
    'She said: "I feel well" and left.',
    "No. 7 is the one.",
)
FOREIGN = (
    "Der Patient wurde heute in der Klinik gesehen und darf nach Hause gehen.",
    "Le patient a été vu à la clinique aujourd'hui et va beaucoup mieux.",
    "El paciente fue visto hoy en la clínica y se encuentra mucho mejor.",
    "Сегодня пациент был в клинике, и ему стало намного лучше.",
    "आज मरीज को क्लिनिक में देखा गया और वह बेहतर है।",
    "본 환자는 오늘 진료를 받았고 상태가 좋아졌습니다.",
    "Potilas nähtiin tänään klinikalla ja hän voi paremmin.",
    "12345 67 8",
    "ок",
)
MARKS = (
    "* a point\n* another point",
    "- one\n- two\n- three",
    "**bold words** and *light words*",
    "**  ** and * *",
    "<<A title>>",
    "<<>>",
    "[name] lives at [address]",
    "***",
    "* * *",
    "******",
    "P.S. Drink water.",
    "P.P.S. Sleep well.",
    "p. s. small",
    "Section 1\nwords\nSection 2\nmore",
    "SECTION 3 here",
    "Day 1: rest. Day 2: walk.",
    '{"a": [1, 2]}',
    '```json\n{"a": null}\n```',
    "```\n[1]\n```",
    '"quoted"',
    "PARAGRAPH 4",
    "1. first\n2. second",
    "",
)


def answer(rng: random.Random, needed: list[str]) -> str:
    """An answer; `needed` are words that may have to occur."""
    parts = [part(rng, needed) for _ in range(rng.choice((0, 1, 1, 2, 3, 5, 8, 20)))]
    text = rng.choice(("\n", "\n\n", " ", "\n\n***\n\n", "***", "\n\n\n")).join(parts)
    return turned(rng, text)


def part(rng: random.Random, needed: list[str]) -> str:
    """One part of an answer."""
    kind = rng.random()
    if needed and kind < 0.35:
        return " ".join([rng.choice(needed)] * rng.choice((1, 1, 2, 6)))
    if kind < 0.65:
        return " ".join(rng.choices(SENTENCES, k=rng.choice((1, 2, 5, 15))))
    if kind < 0.72:
        return rng.choice(FOREIGN)
    return rng.choice(MARKS)


def turned(rng: random.Random, text: str) -> str:
    """The text as it is, or changed as a whole."""
    kind = rng.random()
    if kind < 0.06:
        return text.upper()
    if kind < 0.12:
        return text.lower()
    if kind < 0.18:
        return f'"{text}"'
    if kind < 0.22:
        return json.dumps({"text": text})
    if kind < 0.26:
        return f"Here it is:\n{text}\nI hope this helps."
    if kind < 0.30:
        return f"{text}******{text if rng.random() < 0.3 else 'Another answer.'}"
    if kind < 0.36:
        return text.replace(",", "")
    return f"  {text}\n" if kind < 0.4 else text


def words_of(arguments: list[dict[str, object]]) -> list[str]:
    """Words that the arguments of instructions ask for."""
    found: list[str] = []
    for given in arguments:
        for value in given.values():
            found += [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return found
