"""Rows of the public sets as the templates ask for them; invented rows in the sets' form."""

import csv
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgemed.clinic.summarizing.template import messages
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.errors import EdgemedError
from edgemed.training.examples import read_examples
from models.partner.examples import choose, line, write
from models.partner.rows import MAPPING, read_rows, renamed, turns_of
from models.partner.ship import NAME, with_partner

DIALOGUE = "Doctor: Any allergies? \n\nPatient: Penicillin.\nDoctor: Thank you."
NOTE = """CHIEF COMPLAINT

Knee pain.

REVIEW OF SYSTEMS
No fever.
PHYSICAL EXAM
Knee: tender.
RESULTS
X-ray: normal.
PLAN
Ice."""


class Words:
    """Counts words as tokens."""

    def encode(self, messages: Sequence[object], answer: str) -> tuple[list[int], list[int]]:
        asked = " ".join(str(m) for m in messages)
        return [0] * len(asked.split()), [0] * len(answer.split())


def put(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    mts, aci = (tmp_path / MAPPING[name]["training"] for name in MAPPING)
    put(mts, [{"section_header": "ALLERGY", "section_text": "Penicillin.", "dialogue": DIALOGUE}])
    put(aci, [{"dialogue": DIALOGUE, "note": NOTE}])
    return tmp_path


def test_a_section_is_asked_for_by_its_name(data: Path) -> None:
    (row,) = read_rows(data, "mts-dialog", "training")
    asked = messages(row.template, row.note)[1].content
    assert 'Write the section "Allergies"' in asked and "Patient: Penicillin.\nDoctor" in asked
    assert row.answer == "Penicillin."


def test_a_note_has_the_headings_of_its_template_and_says_what_is_not_stated(data: Path) -> None:
    (row,) = read_rows(data, "aci-bench", "training")
    sections = load_template("visit-dialogue").sections
    assert [part.splitlines()[0] for part in row.answer.split("\n\n")] == list(sections)
    assert "History of present illness\nNo fever." in row.answer
    assert "Examination and results\nKnee: tender.\nX-ray: normal." in row.answer
    assert "Allergies\nnot stated" in row.answer


def test_text_before_the_first_known_heading_is_left_out() -> None:
    assert renamed("Header 12\nPLAN\nIce.", {"PLAN": "Plan"}, ("Plan",)) == "Plan\nIce."


def test_every_name_in_the_mapping_is_known_to_its_template() -> None:
    values = load_template("visit-section").fields["section"].values
    assert set(MAPPING["mts-dialog"]["headers"].values()) == set(values)
    sections = load_template("visit-dialogue").sections
    assert set(MAPPING["aci-bench"]["headings"].values()) == set(sections)


def test_a_dialogue_is_cut_at_a_turn_if_most_of_it_stays_else_left_out(data: Path) -> None:
    (row,) = read_rows(data, "mts-dialog", "training")
    turns = [f"Doctor: word {n}" for n in range(20)]
    from dataclasses import replace

    long = replace(row, dialogue="\n".join(turns))
    whole = choose(Words(), [long], 10_000)
    assert whole.counts == {"whole": 1} and whole.rows == [long]
    cut = choose(Words(), [long], whole.tokens - 4)
    assert cut.counts == {"cut": 1} and cut.tokens <= whole.tokens - 4
    assert 16 <= len(turns_of(cut.rows[0].dialogue)) < 20
    assert choose(Words(), [long], whole.tokens // 2).counts == {"left out": 1}


def test_the_file_is_read_by_adapt_and_by_its_owner_alone(data: Path) -> None:
    rows = read_rows(data, "mts-dialog", "training")
    path = data / "examples.jsonl"
    write(path, rows)
    (example,) = read_examples(path)
    assert example.messages == messages(rows[0].template, rows[0].note)
    assert example.answer == "Penicillin."
    assert path.stat().st_mode & 0o077 == 0
    assert json.loads(line(rows[0]))["messages"][-1]["role"] == "assistant"


def test_a_folder_without_the_sets_is_named(tmp_path: Path) -> None:
    with pytest.raises(EdgemedError, match="cannot read"):
        read_rows(tmp_path, "aci-bench", "training")


def test_a_new_partner_takes_the_place_of_the_old_one_in_the_card() -> None:
    once = with_partner("a = 1\n\n[instruct]\nb = 2\n", "0" * 64, 0.5)
    twice = with_partner(once, "1" * 64, 0.25)
    assert tomllib.loads(twice) == {
        "t": 0.25,
        "a": 1,
        "instruct": {"b": 2},
        "partner": {"file": f"{NAME}.gguf", "sha256": "1" * 64, "out_type": "Q8_0"},
    }
