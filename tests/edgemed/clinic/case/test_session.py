"""A session's rules: what may follow what, what a signature needs, what leaves the session."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edgemed.clinic.case import export, signing
from edgemed.clinic.case import session as steps
from edgemed.clinic.case.document import Origin
from edgemed.clinic.case.session import Session
from edgemed.clinic.findings import Addressed, Claim, Flag, Omission, Review, Span, Vital
from edgemed.errors import EdgemedError, Refused, UsageError

NOTE = "Na 128 [L] K 5.9 [H]\nAllergies: penicillin\n"
DRAFT = "Sodium 182.\nPotassium 5.9."
MAJOR = Flag("number", "contradicted", "major", "182, the note has 128", Span(7, 10), (Span(3, 6),))
LEFT_OUT = Omission("allergy", "major", "an allergy", Span(21, 42))
REVIEW = Review(
    (
        Claim(Span(0, 11), "contradicted", (Span(0, 20),), (MAJOR,)),
        Claim(Span(12, 26), "supported", (Span(11, 16),)),
    ),
    (LEFT_OUT,),
)
WHEN = "2026-01-02T03:04:05+00:00"


def checked(*, demonstration: bool = False, cut: bool = False) -> Session:
    origin = Origin("m", "soap", "aa", "bb", demonstration)
    draft = steps.drafted(steps.opened(NOTE), origin, DRAFT, cut=cut)
    return steps.reviewed(draft, DRAFT, REVIEW)


def settled() -> Session:
    return steps.dismissed(half_settled(), LEFT_OUT, steps.REASONS[2], at=WHEN)


def half_settled() -> Session:
    return steps.dismissed(checked(), MAJOR, steps.REASONS[0], at=WHEN)


def test_the_stages_follow_each_other() -> None:
    note = steps.opened(NOTE)
    draft = steps.drafted(note, Origin("m", "soap"), DRAFT)
    stages = [note, draft, checked(), signing.signed(settled(), "Dr A", at=WHEN)]
    assert [steps.stage(s) for s in stages] == ["note", "draft", "reviewed", "signed"]


def test_line_ends_become_one_kind_and_nothing_else_changes() -> None:
    assert steps.opened("a\r\nb\rc [x]\t\n").source == "a\nb\nc [x]\t\n"
    with pytest.raises(Refused, match="empty"):
        steps.opened(" \n")


def test_an_edit_takes_the_check_back_and_a_late_check_of_older_text_is_dropped() -> None:
    edited = steps.edited(checked(), "Sodium 128.")
    assert steps.stage(edited) == "draft"
    assert steps.reviewed(edited, DRAFT, REVIEW) is edited
    assert steps.edited(edited, "Sodium 128.") is edited


def test_a_dismissal_needs_a_listed_reason_and_other_needs_words() -> None:
    with pytest.raises(Refused, match="listed"):
        steps.dismissed(checked(), MAJOR, "because", at=WHEN)
    with pytest.raises(Refused, match="no reason"):
        steps.dismissed(checked(), MAJOR, "other", "  ", at=WHEN)
    assert steps.major_open(settled()) == []


def test_a_dismissal_outlives_an_edit_elsewhere_and_can_be_taken_back() -> None:
    edited = steps.edited(settled(), DRAFT + " Stable.")
    again = steps.reviewed(edited, edited.text, REVIEW)
    assert steps.dismissal_of(again, MAJOR) is not None
    assert steps.major_open(steps.restored(again, MAJOR)) == [MAJOR]


def test_an_omission_is_taken_over_marked_and_the_mark_stands_against_signing() -> None:
    line = steps.insertion(checked(), LEFT_OUT)
    assert line == "[edit] Allergies: penicillin"
    edited = steps.edited(settled(), f"{DRAFT}\n{line}")
    marked = steps.reviewed(edited, edited.text, REVIEW)
    with pytest.raises(Refused, match="1 inserted line is still marked"):
        signing.signed(marked, "Dr A", at=WHEN)


def test_open_major_flags_and_a_cut_draft_need_a_typed_reason() -> None:
    cut = steps.dismissed(checked(cut=True), MAJOR, steps.REASONS[0], at=WHEN)
    cut = steps.dismissed(cut, LEFT_OUT, steps.REASONS[0], at=WHEN)
    for session, why in ((checked(), "2 major"), (cut, "the end of the draft is missing")):
        with pytest.raises(Refused, match=why):
            signing.signed(session, "Dr A", at=WHEN, reason=" ")
    signed = signing.signed(checked(), "Dr A", at=WHEN, reason="seen, the lab has corrected it")
    assert signed.signature is not None
    assert [key.check for key in signed.signature.open] == ["number", "omission: allergy"]


def test_what_is_left_out_needs_a_typed_reason_too() -> None:
    with pytest.raises(Refused, match=r"still open: 1 major \(1 left out\)"):
        signing.signed(half_settled(), "Dr A", at=WHEN)
    signed = signing.signed(half_settled(), "Dr A", at=WHEN, reason="the family knows")
    assert signed.signature is not None
    assert [key.check for key in signed.signature.open] == ["omission: allergy"]
    assert not signing.needs_reason(settled())
    assert signing.signed(settled(), "Dr A", at=WHEN).signature is not None


def test_a_signature_needs_a_name_a_check_and_a_text() -> None:
    with pytest.raises(Refused, match="name"):
        signing.signed(settled(), " ", at=WHEN)
    with pytest.raises(Refused, match="not been checked"):
        signing.signed(steps.edited(settled(), "x"), "Dr A", at=WHEN)
    with pytest.raises(Refused, match="nothing to sign"):
        signing.signed(steps.opened(NOTE), "Dr A", at=WHEN)


def test_signed_text_takes_no_step_any_more() -> None:
    signed = signing.signed(settled(), "Dr A", at=WHEN)
    for step in (
        lambda: steps.edited(signed, "x"),
        lambda: steps.dismissed(signed, MAJOR, steps.REASONS[0], at=WHEN),
        lambda: steps.restored(signed, MAJOR),
        lambda: signing.signed(signed, "Dr B", at=WHEN),
    ):
        with pytest.raises(Refused, match="signed"):
            step()
    assert steps.reviewed(signed, signed.text, Review((), ())) is signed


def test_only_a_document_that_is_there_is_opened_and_a_note_alone_has_no_text_to_change() -> None:
    for number in (0, 2, -1):
        with pytest.raises(Refused, match="there is no document"):
            steps.turned_to(settled(), number)
    with pytest.raises(Refused, match="no text yet"):
        steps.edited(steps.opened(NOTE), "x")


def test_a_signed_text_whose_draft_was_cut_says_so_wherever_it_is_read() -> None:
    cut = signing.signed(checked(cut=True), "Dr A", at=WHEN, reason="I wrote its end")
    assert cut.document.state == "signed by Dr A, 2026-01-02 03:04, its end is missing"
    for text in (export.as_text(cut), export.as_markdown(cut)):
        assert "The model's draft was cut: its end is missing." in text
    whole = signing.signed(checked(), "Dr A", at=WHEN, reason="read")
    assert "missing" not in whole.document.state + export.as_text(whole)


def test_a_demonstration_draft_is_neither_signed_nor_exported(tmp_path: Path) -> None:
    session = checked(demonstration=True)
    with pytest.raises(Refused, match="demonstration"):
        signing.signed(session, "Dr A", at=WHEN, reason="x")
    with pytest.raises(Refused, match="demonstration"):
        export.write(session, tmp_path / "a.txt", print)
    assert list(tmp_path.iterdir()) == []


def test_unsigned_text_is_not_exported() -> None:
    for render in export.FORMATS.values():
        with pytest.raises(Refused, match="only signed"):
            render(settled())


def test_every_format_carries_the_text_character_for_character(tmp_path: Path) -> None:
    text = "Na 128 [L] K 5.9 [H]\n[ ] fever [x] cough\n```\n# no heading [/x] *a*"
    session = steps.edited(checked(), text)
    session = steps.reviewed(session, text, Review((), ()))
    session = signing.signed(session, "Dr A", at=WHEN)
    for ending in export.FORMATS:
        path = export.write(session, tmp_path / f"summary{ending}", print)
        content = path.read_text(encoding="utf-8")
        found = json.loads(content)["text"] if ending == ".json" else content
        assert text in found
    assert "````text" in (tmp_path / "summary.md").read_text()


def test_json_carries_evidence_flags_and_decisions() -> None:
    data = json.loads(export.as_json(signing.signed(settled(), "Dr A", at=WHEN)))
    first = data["claims"][0]
    assert first["evidence"][0]["words"] == "Na 128 [L] K 5.9 [H]"
    assert first["flags"][0]["dismissed"]["reason"] == steps.REASONS[0]
    assert data["omissions"][0]["source"]["words"] == "Allergies: penicillin"
    assert data["signature"]["by"] == "Dr A"


def test_json_carries_the_places_in_the_note_that_speak_to_the_model() -> None:
    session = settled()
    assert session.review is not None
    place = Addressed(Span(0, 6), "marker")
    found = replace(session.review, addressed=(place,))
    session = steps.reviewed(session, session.text, found)
    (told,) = json.loads(export.as_json(signing.signed(session, "Dr A", at=WHEN)))["addressed"]
    assert told["words"] == session.source[:6]
    assert (told["kind"], told["says"]) == ("marker", "holds marks of a chat program")


def test_json_carries_the_vital_check() -> None:
    session = settled()
    assert session.review is not None
    line = Vital("allergy", "not in the draft", ("penicillin",), (Span(21, 32),))
    session = steps.reviewed(session, session.text, replace(session.review, vital=(line,)))
    (told,) = json.loads(export.as_json(signing.signed(session, "Dr A", at=WHEN)))["vital"]
    assert (told["kind"], told["lack"], told["items"]) == (line.kind, line.lack, ["penicillin"])
    assert told["source"] == [{"span": [21, 32], "words": session.source[21:32]}]


def test_an_export_never_overwrites_and_names_its_formats(tmp_path: Path) -> None:
    signed = signing.signed(settled(), "Dr A", at=WHEN)
    export.write(signed, tmp_path / "a.txt", print)
    with pytest.raises(EdgemedError, match="exists"):
        export.write(signed, tmp_path / "a.txt", print)
    with pytest.raises(UsageError, match=r"\.docx"):
        export.write(signed, tmp_path / "a.docx", print)


def test_an_export_is_logged_before_it_is_written_and_is_the_users_alone(tmp_path: Path) -> None:
    signed, path = signing.signed(settled(), "Dr A", at=WHEN), tmp_path / "a.txt"
    seen: list[tuple[str, bool]] = []
    export.write(signed, path, lambda what: seen.append((what, path.exists())))
    assert seen == [("export", False)]
    assert path.stat().st_mode & 0o777 == 0o600 or os.name == "nt"


def test_what_cannot_be_logged_is_not_exported(tmp_path: Path) -> None:
    def locked(what: str) -> None:
        raise EdgemedError("the log is locked", "wait")

    with pytest.raises(EdgemedError, match="the log is locked"):
        export.write(signing.signed(settled(), "Dr A", at=WHEN), tmp_path / "a.txt", locked)
    assert list(tmp_path.iterdir()) == []


def test_an_export_on_a_full_disk_leaves_nothing_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    signed, said = signing.signed(settled(), "Dr A", at=WHEN), list[str]()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(EdgemedError, match="No space left"):
            export.write(signed, tmp_path / "a.txt", said.append)
    assert said == ["export", "export failed"]
    assert list(tmp_path.iterdir()) == []
    export.write(signed, tmp_path / "a.txt", said.append)


@pytest.mark.parametrize("there", [True, False])
def test_an_export_does_not_follow_a_planted_link(tmp_path: Path, there: bool) -> None:
    victim = tmp_path / "victim"
    if there:
        victim.write_text("kept")
    (tmp_path / "a.txt").symlink_to(victim)
    with pytest.raises(EdgemedError, match="exists"):
        export.write(signing.signed(settled(), "Dr A", at=WHEN), tmp_path / "a.txt", print)
    assert victim.exists() == there
