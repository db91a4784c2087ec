"""Folders of notes and summaries: the product's own prompt, and what does not pair by name."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgemed.cli.main import main
from edgemed.clinic.note import parse
from edgemed.clinic.summarizing.summarize import prompt_of
from edgemed.clinic.summarizing.template import fill
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.training.pairs import read_pairs, without_headings

NOTE = "Cough for {} days. No fever. Chest clear. Paracetamol 500 mg as needed."
SUMMARY = "Subjective: cough\nObjective: chest clear\nAssessment: not stated\nPlan: paracetamol"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "pairs"
    found.mkdir()
    for n in range(3):
        (found / f"p{n}.note.txt").write_text(NOTE.format(n), "utf-8")
        (found / f"p{n}.summary.txt").write_text(f"\n{SUMMARY} {n}\n\n", "utf-8")
    (found / ".DS_Store").write_bytes(b"\0")
    return found


def test_what_is_learned_is_what_summarize_sends(folder: Path) -> None:
    soap = load_template("soap")
    found = read_pairs(folder, soap)
    assert [e.answer for e in found] == [f"{SUMMARY} {n}" for n in range(3)]
    for n, example in enumerate(found):
        assert example.messages == prompt_of(parse(NOTE.format(n)), soap).messages
    section = fill(load_template("visit-section"), {"section": "Allergies"})
    assert "Allergies" in read_pairs(folder, section)[0].messages[-1].content


def test_a_windows_note_is_read_as_summarize_reads_it(folder: Path) -> None:
    text = "Fièvre de 39 °C depuis deux jours, toux sèche."
    (folder / "p0.note.txt").write_bytes(text.encode("cp1252"))
    (folder / "p1.note.txt").write_bytes(text.encode("utf-16"))
    one, two = read_pairs(folder, load_template("soap"))[:2]
    assert text in one.messages[-1].content and one.messages == two.messages


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda f: (f / "p1.summary.txt").unlink(), "notes without a summary: p1.note.txt"),
        (lambda f: (f / "p2.note.txt").unlink(), "summaries without a note: p2.summary.txt"),
        (lambda f: (f / "readme.md").write_text("x"), "neither notes nor summaries: readme.md"),
        (lambda f: (f / "more").mkdir(), "neither notes nor summaries: more"),
        (
            lambda f: (f / "p0.summary.txt").write_text(" \n"),
            "the summary is empty",
        ),
        (lambda f: (f / "p0.note.txt").write_text("Cough."), "p0.note.txt: the note has 1 word;"),
        (lambda f: (f / "p0.note.txt").write_bytes(b"%PDF-1.7"), "p0.note.txt: the note is a PDF"),
        (lambda f: (f / "p0.summary.txt").write_bytes(b"%PDF-"), "the summary is a PDF"),
        (lambda f: [p.unlink() for p in f.iterdir()], "holds no note"),
    ],
)
def test_what_cannot_be_learned_from_is_named(
    folder: Path, change: Callable[[Path], object], says: str
) -> None:
    change(folder)
    with pytest.raises(EdgemedError, match=says.replace("(", r"\(")) as refused:
        read_pairs(folder, load_template("soap"))
    assert isinstance(refused.value, InvalidFile | Refused)
    assert "Paracetamol" not in refused.value.message


def test_of_many_only_the_first_are_named(folder: Path) -> None:
    for n in range(10, 30):
        (folder / f"q{n}.note.txt").write_text(NOTE, "utf-8")
    with pytest.raises(InvalidFile, match=r"q10\.note\.txt, .*q14\.note\.txt and 15 more"):
        read_pairs(folder, load_template("soap"))


def test_a_template_that_asks_for_json_is_taught_json(folder: Path) -> None:
    asks = load_template("medication-list")
    with pytest.raises(InvalidFile, match="JSON object with allergies, medications"):
        read_pairs(folder, asks)
    for n in range(3):
        (folder / f"p{n}.summary.txt").write_text('{"medications": [], "allergies": []}', "utf-8")
    assert len(read_pairs(folder, asks)) == 3


def test_summaries_without_the_headings_that_are_asked_for_are_counted(folder: Path) -> None:
    soap = load_template("soap")
    assert without_headings(read_pairs(folder, soap), soap) == []
    (folder / "p1.summary.txt").write_text("Cough. Paracetamol.", "utf-8")
    assert without_headings(read_pairs(folder, soap), soap) == [str(folder / "p1")]


@pytest.mark.parametrize(
    "words, code, says",
    [
        ((), 2, "add --template"),
        (("--template", "soap", "-o", "pairs/a.gguf"), 3, "lies in the folder of examples"),
        (("--template", "soap", "--field", "section=Plan"), 2, "no field 'section'"),
        (("--template", "none-such"), 2, "no template is called"),
        (("--template", "soap", "--examples", "rows.jsonl"), 2, "are for a folder of notes"),
        (("--template", "soap", "--dora"), 3, "cannot hold the magnitudes of DoRA"),
        (("--template", "soap", "--out-type", "F16", "-o", "a"), 2, "a PEFT folder holds float32"),
        (("--template", "soap", "--overnight", "--finish"), 2, "--finish does not train"),
        (("--template", "soap", "-o", "pairs"), 3, "is one of the inputs"),
        (("--template", "soap", "-o", "old", "--force"), 3, "a folder is not replaced"),
        (("--template", "soap", "--draw", "4"), 3, "3 have at most"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(
    folder: Path,
    words: tuple[str, ...],
    code: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    from edgemed_models.scale import path_of

    monkeypatch.chdir(folder.parent)
    Path("rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    Path("old").mkdir()
    before = set(folder.parent.rglob("*"))
    monkeypatch.setattr(
        "edgemed.cli.training.adapt.load_trainable", lambda path: pytest.fail("work began")
    )
    given = ["adapt", str(path_of("instruct")), "--examples", "pairs", "-o", "a.gguf", *words]
    assert main(given) == code
    assert says in capsys.readouterr().err
    assert set(folder.parent.rglob("*")) == before


def test_a_folder_is_learned_from_and_its_template_stands_in_the_card(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    from edgemed_models.scale import path_of

    (folder / "p1.summary.txt").write_text("Cough. Paracetamol.", "utf-8")
    out = folder.parent / "a.gguf"
    words = ["adapt", str(path_of("instruct")), "--examples", str(folder), "-o", str(out)]
    words += ["--template", "soap", "--draw", "2", "--held-out", "0", "--epochs", "1"]
    assert main([*words, "--rank", "2", "--matrices", "attn", "--threads", "1"]) == 0
    said = capsys.readouterr().err
    assert "1 of 3 summaries lack a heading" in said and "2 examples to learn from" in said
    card = json.loads((folder.parent / "a.gguf.json").read_text())
    assert card["data"]["template"] == {"name": "soap", "sha256": load_template("soap").hash}
    assert card["data"]["drawn_from"] == 3 and "p1" not in json.dumps(card)
