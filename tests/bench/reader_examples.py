"""Sentences to measure the second reader on: what the rules say of each, what it would read.

From documents that neither the training nor, in the half kept out, the rules have seen. Made once
and kept in a work folder, for the rules take longer than the reader.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgemed_models.encoder import read as packaged
from tokenizers import Tokenizer

from edgemed.clinic.findings import Claim, Flag
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import claims_of
from edgemed.evals.planting import PLANTERS, plant
from edgemed.evals.planting_attributes import ATTRIBUTES
from models.encoder.reader_rows import Pair, evidence, row
from tests.bench.checks import read_at
from tests.bench.documents import Document, documents, foreign_sentences, is_kept_out

UNSEEN = ("valid ", "clinicalnlp_taskB_test1 ", "MTS-Dialog-Validation", "MTS-Dialog-TestSet-1")
# Flags on numbers, doses, drugs and sides: no reader may silence these, nor a major one.
FIRM = ("number", "date", "dose", "regimen", "frequency", "route", "laterality", "level", "allergy")


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence of a draft: planted (`kind`) or untouched (""), and its claims as tokens.

    `firm` and `soft`: whether a rule flags it that the reader may not silence, or one that it may.
    `cosine`: of the claim least like any sentence of the source. `reads`: token ids of each claim
    with its evidence, and how many are the claim's.
    """

    document: str
    long: bool
    kept: bool
    kind: str
    firm: bool
    soft: bool
    cosine: float
    reads: list[tuple[list[int], int]]


def examples(folder: Path, work: Path, each: int) -> list[Example]:
    """The examples of the work folder, made there first."""
    path = work / "examples.jsonl"
    if not path.is_file():
        docs = [d for d in documents(folder) if d.name.startswith(UNSEEN)]
        found = [e for part in parted(docs) for e in of_documents(part, folder, each)]
        path.write_text("".join(f"{json.dumps(asdict(e))}\n" for e in found), "utf-8")
    return [Example(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def parted(docs: Sequence[Document]) -> Iterator[list[Document]]:
    """Long and short, open and kept apart: of each as many errors of every kind."""
    for long in (True, False):
        for kept in (False, True):
            yield [d for d in docs if is_long(d.name) == long and is_kept_out(d.name) == kept]


def is_long(name: str) -> bool:
    return not name.startswith("MTS")


def of_documents(docs: Sequence[Document], folder: Path, each: int) -> Iterator[Example]:
    """The untouched sentences, then the planted ones."""
    tokens = tokenizer()
    sources = {d.name: Source(d.dialogue) for d in docs}
    for d in docs:
        for said in read(d.note):
            yield example(tokens, d.name, "", sources[d.name], [said], d.note)
    notes = [(d.name, d.note) for d in docs]
    planted = plant(notes, foreign_sentences(folder), each, planters=PLANTERS | ATTRIBUTES)
    for p in planted:
        if there := read_at(p, max(p.end, p.start + 1)):
            yield example(tokens, p.document, p.kind, sources[p.document], there, p.draft)


def example(
    tokens: Any, name: str, kind: str, source: Source, there: Sequence[Said], draft: str
) -> Example:
    rest, _ = source.trusted
    found = [(said, claim) for said in there for claim in claims_of(source, said)]
    flags = [(said, flag) for said, claim in found for flag in claim.flags]
    firm = [is_firm(said, flag) for said, flag in flags]
    texts = [text_of(claim, draft) for _, claim in found]
    cosines = [float(rest.index.cosines(t).max(initial=0.0)) for t in texts] if rest.said else [0.0]
    reads = [read_with(tokens, text, evidence(rest.index, text)) for text in texts]
    soft = len(firm) > sum(firm)
    return Example(
        name, is_long(name), is_kept_out(name), kind, any(firm), soft, min(cosines), reads
    )


def is_firm(said: Said, flag: Flag) -> bool:
    """Whether the reader may not silence it."""
    drugs = [m.span for m in said.mentions if m.concept.kind == "drug"]
    of_drug = any(s.start < flag.draft.end and flag.draft.start < s.end for s in drugs)
    return flag.severity == "major" or flag.check in FIRM or of_drug


def text_of(claim: Claim, draft: str) -> str:
    return draft[claim.draft.start : claim.draft.end]


def read_with(tokens: Any, claim: str, shown: tuple[tuple[int, str], ...]) -> tuple[list[int], int]:
    """Token ids of the pair, and how many are the claim's."""
    made = row(tokens, Pair(claim, shown, "same", "", ""))
    return list(made.ids), made.claim


def tokenizer() -> Any:
    tokens = Tokenizer.from_str(packaged("tokenizer.json").decode())
    tokens.no_padding()
    tokens.no_truncation()
    return tokens


def probes(path: Path) -> Iterator[Example]:
    """Invented sources, each with drafts that people wrote, right (kind "") and wrong ("wrong")."""
    tokens = tokenizer()
    for i, line in enumerate(path.read_text("utf-8").splitlines()):
        held = json.loads(line)
        source = Source(held["source"])
        for kind in ("right", "wrong"):
            for draft in held[kind]:
                if there := read(draft):
                    shown = "" if kind == "right" else kind
                    yield example(tokens, f"MTS probe {i}", shown, source, there, draft)
