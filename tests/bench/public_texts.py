"""Every published note, dialogue and question of the data folder, in two halves by turns.

Rules are written looking at the development half; the held-out half is only counted.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.bench.documents import HUMAN, rows

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
SPOKEN = re.compile(r'text = "(.*)"')


class Published(NamedTuple):
    """One text: where it is from, whether it is a note, and whether it is held out."""

    name: str
    kind: str
    text: str
    held_out: bool


def published(folder: Path) -> Iterator[Published]:
    """All texts; of each file the even ones are for development, the odd ones held out."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in READERS or path.name == Path(HUMAN).name:
            continue
        for i, (kind, text) in enumerate(READERS[path.suffix](path)):
            if text.strip():
                yield Published(f"{path.stem} {i}", kind, text, bool(i // 2 % 2))


def of_table(path: Path) -> Iterator[tuple[str, str]]:
    """Notes and dialogues of a CSV file, in pairs; MEDEC has texts alone, said twice."""
    for row in rows(path):
        yield "note", row.get("note") or row.get("section_text") or row.get("Text") or ""
        yield "dialogue", row.get("dialogue") or ""


def of_workbook(path: Path) -> Iterator[tuple[str, str]]:
    """Questions and summaries: the texts that the workbook's cells share, in order."""
    with zipfile.ZipFile(path) as book:
        tree = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
    for item in tree.iter(f"{SHEET}si"):
        text = "".join(t.text or "" for t in item.iter(f"{SHEET}t"))
        if len(text.split()) > 3:
            yield "question", text


def of_json(path: Path) -> Iterator[tuple[str, str]]:
    """One note a file; which half it is in goes by the number in the file's name."""
    data = json.loads(path.read_text("utf-8"))
    pair = [("note", data["note"]), ("note", "")]
    yield from pair if is_even(path) else [("note", ""), ("note", ""), *pair]


def of_transcript(path: Path) -> Iterator[tuple[str, str]]:
    """What one side of a consultation said, a line for each time."""
    spoken = SPOKEN.findall(path.read_text("utf-8"))
    pair = [("dialogue", "\n".join(filter(None, spoken))), ("dialogue", "")]
    yield from pair if is_even(path) else [("dialogue", ""), ("dialogue", ""), *pair]


def of_probes(path: Path) -> Iterator[tuple[str, str]]:
    """Sources of the probes, in pairs with nothing."""
    for line in path.read_text("utf-8").splitlines():
        yield "note", json.loads(line)["source"]
        yield "note", ""


def is_even(path: Path) -> bool:
    digits = re.findall(r"\d+", path.stem)
    return bool(digits) and int(digits[-1]) % 2 == 0


READERS = {
    ".csv": of_table,
    ".xlsx": of_workbook,
    ".json": of_json,
    ".TextGrid": of_transcript,
    ".jsonl": of_probes,
}
