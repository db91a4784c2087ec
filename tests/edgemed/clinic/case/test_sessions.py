"""Saved sessions come back whole, with the right passphrase alone, undamaged alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions, signing
from edgemed.clinic.case.document import Origin
from edgemed.clinic.case.session import Session
from edgemed.clinic.case.session_data import to_data
from edgemed.clinic.findings import Addressed, Claim, Flag, Omission, Review, Span, Vital
from edgemed.errors import InvalidFile, Refused
from edgemed.storage.held import give_up, hold

NOTE = "Na 128 [L] K 5.9 [H]\nAllergies: penicillin\n"
DRAFT = "Sodium 182."
FLAG = Flag("number", "contradicted", "major", "182 is 128 in the note", Span(7, 10), (Span(3, 6),))
REVIEW = Review(
    (Claim(Span(0, 11), "contradicted", (Span(0, 20),), (FLAG,), ("severity",)),),
    (Omission("allergy", "major", "an allergy is not in the draft", Span(21, 42)),),
    (Addressed(Span(0, 3), "marker"),),
    vital=(
        Vital("allergy", "not in the draft", ("penicillin",), (Span(21, 42),)),
        Vital("abnormal result", "not in the note", ("182",), (), (Span(7, 10),)),
    ),
)


def a_session() -> Session:
    drafted = steps.drafted(steps.opened(NOTE), Origin("m", "soap"), DRAFT)
    checked = steps.reviewed(drafted, DRAFT, REVIEW)
    return steps.dismissed(checked, FLAG, "other", "typed twice", at="2026-01-02")


@pytest.fixture(scope="module")
def lock() -> sessions.Lock:
    return sessions.make_lock("four words of mine")


def test_a_session_comes_back_as_it_was(tmp_path: Path, lock: sessions.Lock) -> None:
    path = tmp_path / "a.edgemed"
    signed = signing.signed(a_session(), "Dr A", at="2026-01-03", reason="seen")
    added = steps.edited(steps.addendum(signed, at="2026-01-04"), "Sodium 128 was repeated.")
    again = steps.drafted(added, Origin("m", "soap"), DRAFT, cut=True, at="2026-01-05")
    named = replace(steps.turned_to(again, 2), label="room 4")
    for session in (Session(), steps.opened(NOTE), a_session(), signed, named):
        sessions.save(path, session, lock)
        assert sessions.load(path, "four words of mine")[0] == session


def test_nothing_of_the_note_can_be_read_in_the_file(tmp_path: Path, lock: sessions.Lock) -> None:
    path = tmp_path / "a.edgemed"
    sessions.save(path, a_session(), lock)
    data = path.read_bytes()
    assert not any(word in data for word in (b"penicillin", b"128", b"soap", b"typed twice"))
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_passphrase_says_so(tmp_path: Path, lock: sessions.Lock) -> None:
    path = tmp_path / "a.edgemed"
    sessions.save(path, a_session(), lock)
    with pytest.raises(Refused, match="passphrase does not open"):
        sessions.load(path, "four words of yours")


@pytest.mark.parametrize("at", [9, 20, 30, 60, -40, -1])
def test_a_damaged_file_says_so(tmp_path: Path, lock: sessions.Lock, at: int) -> None:
    path = tmp_path / "a.edgemed"
    sessions.save(path, a_session(), lock)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InvalidFile, match="damaged"):
        sessions.load(path, "four words of mine")


def test_a_cut_file_and_a_stranger_are_told_apart(tmp_path: Path, lock: sessions.Lock) -> None:
    path = tmp_path / "a.edgemed"
    sessions.save(path, a_session(), lock)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(InvalidFile, match="damaged"):
        sessions.load(path, "four words of mine")
    path.write_bytes(b"plain text")
    with pytest.raises(InvalidFile, match="not a saved session"):
        sessions.load(path, "four words of mine")


def test_the_same_session_is_never_encrypted_to_the_same_bytes(
    tmp_path: Path, lock: sessions.Lock
) -> None:
    for name in ("a", "b"):
        sessions.save(tmp_path / name, a_session(), lock)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(Refused, match="fewer than 8"):
        sessions.make_lock("seven77")


def test_a_lock_knows_its_passphrase(lock: sessions.Lock) -> None:
    assert sessions.opens(lock, "four words of mine")
    assert not sessions.opens(lock, "four words of yours")


def test_a_file_that_asks_for_huge_memory_is_refused(tmp_path: Path, lock: sessions.Lock) -> None:
    header = bytearray(lock.header)
    header[8] = 40
    path = tmp_path / "a.edgemed"
    sessions.save(path, a_session(), replace(lock, header=bytes(header)))
    with pytest.raises(InvalidFile, match="unsupported encryption settings"):
        sessions.load(path, "four words of mine")


def test_two_saves_in_one_second_are_two_files(lock: sessions.Lock, tmp_path: Path) -> None:
    at, patients = (
        "2026-01-02T03:04:05+00:00",
        [a_session(), steps.opened("B\n")],
    )
    paths = [sessions.save_new(tmp_path / "sessions", at, session, lock) for session in patients]
    assert [path.name for path in paths] == [
        f"2026-01-02-030405{sessions.ENDING}",
        f"2026-01-02-030405-2{sessions.ENDING}",
    ]
    assert [sessions.load(path, "four words of mine")[0] for path in paths] == patients
    edited = steps.edited(patients[0], "again\n")
    sessions.save(paths[0], edited, lock)
    assert [sessions.load(path, "four words of mine")[0] for path in paths] == [
        edited,
        patients[1],
    ]
    assert len(list((tmp_path / "sessions").iterdir())) == 2


def by_another(path: Path, session: Session, lock: sessions.Lock) -> None:
    """What another process does that has the same session open."""
    path.write_bytes(sessions._sealed(session, lock))


def test_what_another_window_saved_is_never_replaced(tmp_path: Path, lock: sessions.Lock) -> None:
    path = tmp_path / "a.edgemed"
    sessions.save(path, a_session(), lock)
    signed = signing.signed(a_session(), "Dr A", at="2026-01-03", reason="seen")
    by_another(path, signed, lock)
    elsewhere = sessions.save(path, a_session(), lock)
    assert sessions.load(path, "four words of mine")[0] == signed
    assert elsewhere == tmp_path / "a-2.edgemed"
    assert sessions.load(elsewhere, "four words of mine")[0] == a_session()
    assert sessions.save(elsewhere, signed, lock) == elsewhere


def test_a_file_that_another_window_is_saving_to_is_left_to_it(
    tmp_path: Path, lock: sessions.Lock
) -> None:
    path = tmp_path / "a.edgemed"
    sessions.save(path, a_session(), lock)
    fd = hold(tmp_path / "a.edgemed.lock")
    assert sessions.save(path, a_session(), lock) == tmp_path / "a-2.edgemed"
    give_up(tmp_path / "a.edgemed.lock", fd)
    assert sessions.save(path, a_session(), lock) == path
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a-2.edgemed", "a.edgemed"]


def test_names_are_read_where_the_passphrase_fits_and_open_nothing_to_be_saved_over(
    tmp_path: Path, lock: sessions.Lock
) -> None:
    mine, other, damaged = (tmp_path / f"{n}.edgemed" for n in ("a", "b", "c"))
    sessions.save(mine, a_session(), lock)
    by_another(mine, replace(a_session(), label="room 4"), lock)
    by_another(other, replace(a_session(), label="room 5"), sessions.make_lock("of another"))
    damaged.write_bytes(b"EDGEMED1")
    assert sessions.labels([mine, other, damaged], "four words of mine") == {mine: "room 4"}
    assert sessions.save(mine, a_session(), lock) != mine


ONE_TEXT = Path(__file__).parent / "one_text"
"""Files that a version before documents saved: a note, a dismissed and cut draft, that signed."""


@pytest.mark.parametrize("name", ["note", "draft", "signed"])
def test_a_session_of_one_text_opens_and_keeps_its_signature(
    tmp_path: Path, lock: sessions.Lock, name: str
) -> None:
    session, _ = sessions.load(ONE_TEXT / f"{name}.edgemed", "four words of mine")
    assert session.source == NOTE and len(session.documents) == (name != "note")
    if name == "note":
        assert session == steps.opened(NOTE)
        return
    assert (session.text, session.cut) == ("Sodium 182.\nPotassium 5.9.", True)
    assert session.origin == Origin("m", "soap", "aa", "bb", settings=(("seed", 1),))
    assert [d.words for d in session.dismissals] == ["not an allergy"]
    assert [f.reason for f in steps.open_findings(session)] == ["182, the note has 128"]
    signature = session.signature
    assert (signature is not None) == (name == "signed")
    assert signature is None or (signature.by, signature.reason) == ("Dr A", "seen")
    sessions.save(tmp_path / "a.edgemed", session, lock)
    assert sessions.load(tmp_path / "a.edgemed", "four words of mine")[0] == session


def test_what_a_later_version_saved_and_what_was_changed_after_signing_say_so(
    tmp_path: Path, lock: sessions.Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = to_data(signing.signed(a_session(), "Dr A", at="2026-01-03", reason="seen"))
    changed = {**data, "documents": [{**data["documents"][0], "text": "Sodium 128."}]}
    for inside, said in ((data | {"form": 3}, "later version"), (changed, "not the text that was")):
        plain = json.dumps(inside).encode()
        monkeypatch.setattr(sessions, "_plain", lambda session, plain=plain: plain)
        sessions.save(tmp_path / "a.edgemed", a_session(), lock)
        with pytest.raises(InvalidFile, match=said):
            sessions.load(tmp_path / "a.edgemed", "four words of mine")


DOCUMENT = (
    b'{"at": "", "origin": null, "ai_draft": "", "cut": false, "text": "", "review": null,'
    b' "dismissals": [], "signature": null, "adds_to": %d}'
)


@pytest.mark.parametrize(
    "inside",
    [
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 5000,
        b'{"source": 1, "origin": null, "ai_draft": "", "cut": false, "text": "", "review": null,'
        b' "dismissals": [], "signature": null}',
        b'{"source": "a", "origin": null, "ai_draft": "", "cut": false, "text": "b", "review":'
        b' {"claims": [], "omissions": [{"kind": "", "severity": "major", "reason": "",'
        b' "source": [0, 99]}]}, "dismissals": [], "signature": null}',
        b'{"form": 2, "source": "a", "label": "", "number": 2, "documents": [%s]}' % (DOCUMENT % 0),
        b'{"form": 2, "source": "a", "label": "", "number": 1.0, "documents": [%s]}'
        % (DOCUMENT % 0),
        b'{"form": 2, "source": "a", "label": "", "number": 1, "documents": [%s, %s]}'
        % (DOCUMENT % 0, DOCUMENT % 1),
        b'{"form": 2, "source": "a", "label": "", "number": 1, "documents": [%s]}' % (DOCUMENT % 1),
    ],
    ids=[
        *("no keys", "a list", "no UTF-8", "too deep", "a number as text", "a span outside"),
        *("no such document", "half a number", "adds to an unsigned text", "adds to itself"),
    ],
)
def test_what_is_no_session_inside_is_refused(
    tmp_path: Path, lock: sessions.Lock, inside: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_plain", lambda session: inside)
    sessions.save(tmp_path / "a.edgemed", a_session(), lock)
    with pytest.raises(InvalidFile, match="does not hold a session"):
        sessions.load(tmp_path / "a.edgemed", "four words of mine")
