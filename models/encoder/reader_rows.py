"""Makes pairs of a claim and its evidence by program, to train the second reader on.

Each planted error gives two claims: the part of a note's sentence that has it, and the same part as
a person wrote it. Their evidence is what the product would show: the sentences of the dialogue that
are found for the claim. A share is compared with the note itself, edited or not, in all four ways:
there the claim alone does not show which of two versions is wrong.

    same      untouched claim, evidence of its own dialogue; or claim and note edited alike
    other     planted error
    not said  evidence of another patient's dialogue, or an invented sentence or one of another note
"""

import csv
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.clinic.evidence import Index
from edgemed.clinic.findings import Span
from edgemed.clinic.reading.claims import parts
from edgemed.clinic.reading.text import read_one
from edgemed.clinic.sentences import Sentence, split
from edgemed.evals.planting import INVENTED, PLANTERS, Planted, plant
from edgemed.evals.planting_attributes import ATTRIBUTES

LABELS = ("same", "other", "not said")
LENGTH = 80  # tokens of a pair: on one core it is read in less than 25 ms
CLAIM = 40  # of them at most for the claim
PLACES = 3  # sentences of the source that a claim is compared with, each with its neighbours
START, END = 101, 102  # [CLS] and [SEP]
FROM_NOTE = 0.25  # share of the plantings that are also compared with the note


class Pair(NamedTuple):
    """A claim with source sentences, best first, each with its number in the source.

    `wrong`: the characters of the claim that a planted error changed.
    """

    claim: str
    evidence: tuple[tuple[int, str], ...]
    label: str
    kind: str
    document: str
    wrong: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A pair as tokens: `claim` of them, [CLS] and [SEP] counted, come before the evidence.

    `wrong`: numbers of the tokens that a planted error touches.
    """

    ids: tuple[int, ...]
    claim: int
    label: int
    kind: str
    document: str
    wrong: tuple[int, ...] = ()


class Visit(NamedTuple):
    """A published dialogue and the note that a person wrote from it."""

    name: str
    dialogue: str
    note: str


def visits(paths: Iterable[Path]) -> list[Visit]:
    """All pairs of dialogue and note in CSV files as ACI-Bench and MTS-Dialog have them."""
    found: list[Visit] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            for i, row in enumerate(csv.DictReader(file)):
                note = row.get("note") or row.get("section_text")
                if note and row.get("dialogue"):
                    found.append(Visit(f"{path.stem} {i}", row["dialogue"], note))
    return found


def sentences(text: str) -> list[Sentence]:
    return [s for s in split(text) if s.kind != "heading"]


def evidence(index: Index, claim: str) -> tuple[tuple[int, str], ...]:
    """The best places for a claim, then what comes before and after each: questions, answers."""
    best = [match.sentence for match in index.best(claim, PLACES)]
    order = dict.fromkeys([*best, *(i + step for i in best for step in (1, -1))])
    return tuple((i, index.sentences[i].text) for i in order if 0 <= i < len(index.sentences))


def row(tokenizer: Any, pair: Pair) -> Row:
    """The claim and as much evidence as fits, in the source's order."""
    said = tokenizer.encode(pair.claim, add_special_tokens=False)
    kept = said.ids[: CLAIM - 2]
    room = LENGTH - len(kept) - 3
    taken: dict[int, list[int]] = {}
    for number, text in pair.evidence:
        ids = tokenizer.encode(text, add_special_tokens=False).ids[:room]
        if ids:
            taken[number] = ids
            room -= len(ids)
    shown = [token for number in sorted(taken) for token in taken[number]]
    wrong: tuple[int, ...] = ()
    if pair.wrong is not None:
        start, end = pair.wrong
        places = enumerate(said.offsets[: len(kept)], 1)
        wrong = tuple(i for i, (a, b) in places if a <= end and start <= b)
    ids = (START, *kept, END, *shown, END)
    return Row(ids, len(kept) + 2, LABELS.index(pair.label), pair.kind, pair.document, wrong)


def claim_at(text: str, start: int, end: int) -> Span | None:
    """The claim of a draft at `start` to `end`; None if there is no sentence."""
    for sentence in sentences(text):
        if sentence.span.start <= start < sentence.span.end:
            there = [p for p in parts(read_one(sentence)) if p.start < max(end, start + 1)]
            return there[-1] if there else None
    return None


def pairs(
    found: Sequence[Visit], each: int, left_out: Sequence[str], seed: int = 11
) -> Iterator[Pair]:
    """About `each` plantings of every kind but those left out, and pairs of all three labels."""
    rng = random.Random(seed)
    by_name = {v.name: v for v in found}
    indexes: dict[str, Index] = {}

    def index_of(name: str) -> Index:
        if name not in indexes:
            indexes[name] = Index(sentences(by_name[name].dialogue))
        return indexes[name]

    kinds = {k: p for k, p in (PLANTERS | ATTRIBUTES).items() if k not in left_out}
    others = other_sentences(found, rng, each)
    planted = plant([(v.name, v.note) for v in found], others, each, seed, kinds)
    names = sorted(by_name)
    for p in planted:
        note = by_name[p.document].note
        if p.kind in ("invented finding", "foreign sentence"):
            yield from not_said(p, index_of(p.document))
            continue
        yield from against_talk(p, note, index_of(p.document))
        if rng.random() < FROM_NOTE:
            yield from against_note(p, note)
        if rng.random() < 0.15 and (at := claim_at(note, p.start, p.start + len(p.was))):
            claim, other = note[at.start : at.end], rng.choice(names)
            if other != p.document:
                yield Pair(
                    claim, evidence(index_of(other), claim), "not said", "another", p.document
                )


def other_sentences(found: Sequence[Visit], rng: random.Random, count: int) -> list[str]:
    """Sentences of the notes without a number, to be planted in other notes."""
    held = [s.text for v in found for s in sentences(v.note)]
    plain = [t for t in held if 4 <= len(t.split()) <= 14 and not any(c.isdigit() for c in t)]
    return rng.sample(plain, min(count, len(plain))) or list(INVENTED)


def not_said(p: Planted, index: Index) -> Iterator[Pair]:
    claim = p.draft[p.start : p.end]
    yield Pair(claim, evidence(index, claim), "not said", p.kind, p.document)


def against_talk(p: Planted, note: str, index: Index) -> Iterator[Pair]:
    """The planted claim and the untouched one, each with the evidence that is found for it."""
    for text, end, label in (
        (p.draft, p.end, "other"),
        (note, p.start + len(p.was), "same"),
    ):
        if at := claim_at(text, p.start, end):
            claim = text[at.start : at.end]
            wrong = (p.start - at.start, end - at.start) if label == "other" else None
            yield Pair(claim, evidence(index, claim), label, p.kind, p.document, wrong)


def against_note(p: Planted, note: str) -> Iterator[Pair]:
    """Claim and note, each edited or not: label `same` if they are alike."""
    versions = ((p.draft, p.end), (note, p.start + len(p.was)))
    for text, end in versions:
        at = claim_at(text, p.start, end)
        for against, _ in versions:
            if at is None or not (shown := around(against, p.start)):
                continue
            label = "same" if text is against else "other"
            wrong = (p.start - at.start, end - at.start) if label == "other" else None
            claim = text[at.start : at.end]
            yield Pair(claim, shown, label, f"{p.kind}, note", p.document, wrong)


def around(text: str, start: int) -> tuple[tuple[int, str], ...]:
    """The sentence at `start` with the one before and the one after."""
    there = sentences(text)
    hit = next((i for i, s in enumerate(there) if s.span.start <= start < s.span.end), None)
    if hit is None:
        return ()
    return tuple((i, there[i].text) for i in (hit, hit + 1, hit - 1) if 0 <= i < len(there))


def batches(rows: Sequence[Row], size: int, rng: random.Random) -> list[list[Row]]:
    """The rows shuffled into batches of about the same length each."""
    mixed = list(rows)
    rng.shuffle(mixed)
    found: list[list[Row]] = []
    for start in range(0, len(mixed), size * 16):
        chunk = sorted(mixed[start : start + size * 16], key=lambda r: len(r.ids))
        cuts = [*range(0, len(chunk), size), len(chunk)]
        found += [chunk[a:b] for a, b in pairwise(cuts)]
    rng.shuffle(found)
    return found
