"""MeQSum: consumer health questions and the short question that an expert made of each.

One sheet of an .xlsx file (a zip of XML): name, question, summary. The last part of a fixed order
is for testing; a row whose question or summary is in it is in no pool.
"""

import re
import zipfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

FILE = "MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
TEST, ORDER = 150, 11
ASKED = "Say what this person asks, as one short question.\n\n"


class Row(NamedTuple):
    """A question as it was sent, and its summary."""

    question: str
    summary: str

    @property
    def prompt(self) -> str:
        """What a model is asked."""
        return ASKED + self.question


def read(folder: Path) -> list[Row]:
    """All rows in the order of the sheet."""
    with zipfile.ZipFile(folder / FILE) as book:
        strings = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        texts = ["".join(t.text or "" for t in s.iter(f"{MAIN}t")) for s in strings]
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    rows = [
        {
            re.sub(r"\d", "", cell.get("r", "")): texts[int(value.text or "")]
            for cell in line.iter(f"{MAIN}c")
            if (value := cell.find(f"{MAIN}v")) is not None and cell.get("t") == "s"
        }
        for line in sheet.iter(f"{MAIN}row")
    ]
    found = [Row(r["B"].strip(), r["C"].strip()) for r in rows[1:] if {"B", "C"} <= r.keys()]
    return [row for row in found if row.question and row.summary]


def parts(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """The pool to draw examples from, and the test rows in their order."""
    order = np.random.Generator(np.random.PCG64(ORDER)).permutation(len(rows))
    shuffled = [rows[n] for n in order]
    test = shuffled[-TEST:]
    questions, summaries = {r.question for r in test}, {r.summary for r in test}
    pool = [
        r for r in shuffled[:-TEST] if r.question not in questions and r.summary not in summaries
    ]
    return pool, test
