"""Rows of MTS-Dialog and ACI-Bench as requests by edgemed's templates, with their answers.

The mapping is in mapping.toml: which template, and which words for a header or a heading.
"""

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from edgemed.clinic.note import Note, parse
from edgemed.clinic.summarizing.template import Template, fill
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.errors import EdgemedError

MAPPING = tomllib.loads(Path(__file__).with_name("mapping.toml").read_text(encoding="utf-8"))
SETS = tuple(MAPPING)
NOT_STATED = "not stated"

Part = Literal["training", "validation"]


@dataclass(frozen=True, slots=True)
class Row:
    """One dialogue, the filled template of the request, and the answer that a clinician wrote."""

    place: str
    dialogue: str
    template: Template
    answer: str

    @property
    def note(self) -> Note:
        """The dialogue as the product reads it."""
        return parse(self.dialogue)

    def shortened(self, turns: int) -> "Row":
        """The row with only the first `turns` turns."""
        return replace(self, dialogue="\n".join(turns_of(self.dialogue)[:turns]))


def read_rows(data: Path, name: str, part: Part) -> list[Row]:
    """All rows of a set. EdgemedError where its file is not under `data`."""
    about = MAPPING[name]
    path = data / about[part]
    template = load_template(about["template"])
    return [_row(about, template, f"{path.name}, row {n}", row) for n, row in _table(path)]


def turns_of(dialogue: str) -> list[str]:
    """The lines of a dialogue: each is a turn."""
    return [line.rstrip() for line in dialogue.splitlines() if line.strip()]


def renamed(note: str, headings: Mapping[str, str], sections: tuple[str, ...]) -> str:
    """A note under the headings `sections`; "not stated" where it has nothing for one.

    Text before its first known heading is left out.
    """
    found: dict[str, list[str]] = {section: [] for section in sections}
    under: list[str] | None = None
    for line in note.splitlines():
        heading = headings.get(line.strip().rstrip(":").strip())
        if heading is not None:
            under = found[heading]
        elif under is not None and line.strip():
            under.append(line.strip())
    return "\n\n".join(f"{s}\n" + "\n".join(found[s] or [NOT_STATED]) for s in sections)


def _row(about: Mapping[str, Any], template: Template, place: str, row: dict[str, str]) -> Row:
    dialogue, answer = "\n".join(turns_of(row[about["dialogue"]])), row[about["answer"]].strip()
    if "headings" in about:
        answer = renamed(answer, about["headings"], template.sections)
    else:
        header = about["headers"][row[about["header"]].strip()]
        template = fill(template, {about["field"]: header})
    return Row(place, dialogue, template, answer)


def _table(path: Path) -> list[tuple[int, dict[str, str]]]:
    csv.field_size_limit(1 << 24)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(enumerate(csv.DictReader(file), 1))
    except OSError as error:
        raise EdgemedError(
            f"cannot read {path}: {error.strerror}", "give the folder of the sets with --data"
        ) from None
