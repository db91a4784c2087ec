"""The published dialogues and notes the bench of the checks runs on, read from a data folder."""

import csv
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

ACI = (
    "aci-bench/train.csv",
    "aci-bench/valid.csv",
    "aci-bench/clinicalnlp_taskB_test1.csv",
)
MTS = (
    "mts-dialog/MTS-Dialog-TrainingSet.csv",
    "mts-dialog/MTS-Dialog-ValidationSet.csv",
    "mts-dialog/MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv",
)
FOREIGN = "mts-dialog/MTS-Dialog-TrainingSet.csv"
MEDEC = "medec/MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv"
HUMAN = "mts-dialog/human-scores-dev.csv"


class Document(NamedTuple):
    """A dialogue and the note that a person wrote from it."""

    name: str
    dialogue: str
    note: str


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def documents(folder: Path) -> list[Document]:
    """All dialogue-note pairs of the folder: the named files, or any of the same columns."""
    found: list[Document] = []
    named = [folder / name for name in (*ACI, *MTS)]
    for path in [p for p in named if p.is_file()] or sorted(folder.rglob("*.csv")):
        for i, row in enumerate(rows(path)):
            note = row.get("note") or row.get("section_text")
            if note and row.get("dialogue"):
                found.append(Document(f"{path.stem} {i}", row["dialogue"], note))
    return found


def is_kept_out(name: str) -> bool:
    """Whether nobody looks at the document while writing rules: half of them, by their names.

    Rules are written on the other half; the figures that are told are measured on this one.
    """
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


def foreign_sentences(folder: Path) -> list[str]:
    """Short sentences of notes of other patients, without numbers."""
    path = folder / FOREIGN
    texts = [row["section_text"] for row in rows(path)] if path.is_file() else []
    return [
        s.strip()
        for text in texts
        for s in re.split(r"(?<=[.])\s+", text)
        if 4 <= len(s.split()) <= 14 and not re.search(r"\d", s)
    ]


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers, as rouge-score cuts them."""
    return re.findall(r"[a-z0-9]+", text.lower())
