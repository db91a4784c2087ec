"""The rules of a case by themselves: what is logged, kept, lost, taken and left."""

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from edgemed_models.answer import Answer, Ending
from edgemed_models.base import Done, Failed, Timings

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions, signing
from edgemed.clinic.case.case import Case, Draft, Ended, NotLogged
from edgemed.clinic.case.document import Document, Origin
from edgemed.clinic.case.kept import Unsaved
from edgemed.clinic.findings import Omission, Review, Span, Vital
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.errors import EdgemedError, Refused
from edgemed.logs import audit, seals
from edgemed.logs.audit import LogFiles

NOTE, OTHER = "Na 128 [L] K 5.9 [H]\n", "Another patient, with a cough.\n"
ORIGIN = Origin("m", "soap")
PASSPHRASE = "four words of mine"
ONE_TEXT = Path(__file__).parent / "one_text"


@pytest.fixture
def place(tmp_path: Path) -> LogFiles:
    return LogFiles(tmp_path / "audit.sqlite", tmp_path / "audit.key", tmp_path / "audit.seal")


@pytest.fixture
def case(tmp_path: Path, place: LogFiles) -> Case:
    made = Case(place, tmp_path / "sessions", lambda: "2026-01-02T03:04:05+00:00")
    made.open(NOTE)
    return made


def begin(case: Case) -> Draft:
    case.template = load_template("soap")
    return case.begin_draft()


def answer(text: str, ending: Ending) -> Answer:
    """What a model wrote, and how it ended."""
    if ending == "failed":
        return Answer([text], end=Failed("the engine broke", "ask again"))
    return Answer([text], end=Done(ending, Timings(3, 0.1, 2, 0.2)))


def write(case: Case, text: str, reason: Ending = "stop") -> Ended:
    return case.end_draft(begin(case), answer(text, reason), ORIGIN)


def checked(case: Case) -> Case:
    write(case, "Sodium 128.")
    case.reviewed("Sodium 128.", Review((), ()))
    return case


def logged(place: LogFiles) -> list[str]:
    return [row.what for row in audit.read(place)]


def refusing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(row: object) -> None:
        raise EdgemedError("the log is full", "make room")

    monkeypatch.setattr(case.ledger, "write", refuse)


@pytest.mark.parametrize("reason", ["stop", "length", "cancelled", "failed"])
def test_a_first_draft_stands_and_is_marked_unless_the_model_ended_it(
    case: Case, place: LogFiles, reason: Ending
) -> None:
    assert write(case, "Sodium", reason).became == "draft"
    assert (case.session.text, case.session.cut) == ("Sodium", reason != "stop")
    assert case.unchecked and case.at_stake
    assert logged(place) == ["draft"]


@pytest.mark.parametrize(
    ("reason", "became"),
    [
        ("stop", "draft"),
        ("length", "draft"),
        ("cancelled", "earlier text"),
        ("failed", "earlier text"),
    ],
)
def test_a_second_draft_is_a_second_document_unless_it_was_broken_off(
    case: Case, reason: Ending, became: str
) -> None:
    checked(case).save(sessions.make_lock(PASSPHRASE))
    before, file = case.session, case.saved_as
    assert write(case, "Potassium", reason).became == became
    if became == "draft":
        assert case.session.text == "Potassium" and case.session.number == 2
        assert case.session.documents[0] == before.document
        assert case.saved_as == file and case.at_stake
    else:
        assert (case.session, case.saved_as, case.at_stake) == (before, file, None)


def test_a_draft_without_a_word_is_none(case: Case, place: LogFiles) -> None:
    assert write(case, " \n").became == "nothing"
    assert case.session == steps.opened(NOTE) and not case.at_stake
    assert not place.log.exists()


def test_a_draft_that_was_left_for_another_note_never_reaches_it(case: Case) -> None:
    draft = begin(case)
    with pytest.raises(Unsaved):
        case.open(OTHER)
    case.open(OTHER, lose=case.at_stake)
    assert (
        case.end_draft(draft, answer("Sodium 128.", "cancelled"), ORIGIN).became == "another case"
    )
    assert case.session == steps.opened(OTHER)
    later = begin(case)
    assert not case.no_draft(draft) and case.draft is later


def test_nothing_is_decided_while_a_draft_is_written(case: Case, tmp_path: Path) -> None:
    checked(case)
    before = case.session
    draft = begin(case)
    assert case.shown.text == "" and case.shown.source == NOTE
    for step in (
        case.may_sign,
        lambda: case.sign("Dr A"),
        lambda: case.edit("Mine."),
        lambda: case.export(tmp_path / "out.txt"),
        lambda: begin(case),
        lambda: case.turn_to(1),
        case.begin_addendum,
    ):
        with pytest.raises(Refused):
            step()
    assert case.no_draft(draft)
    assert case.session == case.shown == before


def test_what_the_log_refuses_is_not_done(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(case).sign("Dr A")
    refusing(case, monkeypatch)
    given: list[str] = []
    with pytest.raises(NotLogged, match="full"):
        case.export(tmp_path / "out.txt")
    with pytest.raises(NotLogged):
        case.copy_out(given.append)
    assert not (tmp_path / "out.txt").exists() and not given and case.at_stake


def test_the_lose_of_one_call_counts_for_no_other(case: Case, tmp_path: Path) -> None:
    write(case, "Sodium 128.")
    case.save(sessions.make_lock(PASSPHRASE))
    assert case.saved_as is not None
    path = case.saved_as
    case.edit("Mine.")
    answered = case.at_stake
    assert write(case, "Again.").became == "draft"
    for lose in (None, answered):  # the answer was about document 1 alone
        with pytest.raises(Unsaved, match=r"documents 1 \(soap\) and 2 \(soap\) are neither"):
            case.open(OTHER, lose=lose)
        with pytest.raises(Unsaved):
            case.open_saved(path, PASSPHRASE, lose=lose)
    answered = case.at_stake
    case.edit("Again, and mine.")
    with pytest.raises(Unsaved):
        case.open(OTHER, lose=answered)
    case.open(OTHER, lose=case.at_stake)
    assert case.session == steps.opened(OTHER)


def test_an_answer_given_while_a_draft_is_written_does_not_count_for_what_it_became(
    case: Case,
) -> None:
    draft, answered = begin(case), case.at_stake
    case.end_draft(draft, answer("Sodium 128.", "stop"), ORIGIN)
    with pytest.raises(Unsaved):
        case.open(OTHER, lose=answered)


def test_an_export_keeps_the_exported_document_alone(case: Case, tmp_path: Path) -> None:
    checked(case).sign("Dr A")
    case.export(tmp_path / "out.txt")
    assert case.at_stake is None
    write(case, "Potassium.")
    assert case.at_stake is not None and case.at_stake.words.startswith("document 2 (soap) is")
    case.turn_to(1)
    case.export(tmp_path / "again.txt")
    with pytest.raises(Unsaved):
        case.close()
    assert (tmp_path / "again.txt").read_text() == (tmp_path / "out.txt").read_text()


def test_an_addendum_names_the_signed_text_and_is_checked_signed_and_exported_by_itself(
    case: Case, tmp_path: Path, place: LogFiles
) -> None:
    with pytest.raises(Refused, match="only a signed text"):
        checked(case).begin_addendum()
    case.sign("Dr A")
    first = case.session.document
    case.begin_addendum()
    case.edit("Potassium 5.9 was repeated: 4.4.")
    omission = Omission("lab", "major", "a value", Span(0, 6))
    lost = Vital("allergy", "not in the draft", ("penicillin",), (Span(0, 6),))
    added = Vital("allergy", "not in the note", ("latex",), (), (Span(0, 6),))
    found = Review((), (omission,), (), ("is mostly not in the note",), (lost, added))
    case.reviewed(case.session.text, found)
    assert case.session.review is not None and case.session.review.vital == (added,)
    assert steps.findings(case.session) == [] and not signing.needs_reason(case.session)
    case.sign("Dr B")
    case.export(tmp_path / "out.txt")
    head, text, *_ = (tmp_path / "out.txt").read_text().split("\n\n")
    assert head == "Addendum to the text that Dr A signed, 2026-01-02T03:04:05+00:00."
    assert text == "Potassium 5.9 was repeated: 4.4."
    assert steps.added_to(case.session) == case.session.documents[0] == first
    rows = [row for row in audit.read(place) if row.what == "sign"]
    assert [("adds to" in row.facts) for row in rows] == [False, True]
    case.begin_addendum()  # to an addendum: it adds to the same signed text
    assert case.session.document.adds_to == 1


@pytest.mark.parametrize("seed", range(5))
def test_no_step_changes_or_loses_a_signed_text(case: Case, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    lock = sessions.make_lock(PASSPHRASE) if seed < 2 else None
    verbs: list[Callable[[], object]] = [
        lambda: write(case, f"Sodium {dice.random()}", dice.choice(["stop", "length", "failed"])),
        lambda: case.edit(f"Mine {dice.random()}."),
        lambda: (case.reviewed(case.session.text, Review((), ())), case.sign("Dr A", "seen")),
        lambda: case.turn_to(dice.randint(1, max(1, len(case.session.documents)))),
        case.begin_addendum,
        lambda: case.export(tmp_path / f"{dice.random()}.txt"),
        lambda: case.save(lock),
    ]
    signed: dict[int, Document] = {}
    for _ in range(60):
        with suppress(EdgemedError):
            dice.choice(verbs)()
        for number, document in signed.items():
            assert case.session.documents[number - 1] == document
        signed = {n: d for n, d in enumerate(case.session.documents, 1) if d.signature}
    assert len(signed) > 1
    if lock:
        path = case.save(lock)
        kept = sessions.load(path, PASSPHRASE)[0]
        assert all(kept.documents[number - 1] == document for number, document in signed.items())


def test_a_signed_session_of_an_earlier_version_keeps_its_signature_under_a_new_draft(
    case: Case, tmp_path: Path
) -> None:
    path = tmp_path / "sessions" / "signed.edgemed"
    path.parent.mkdir(mode=0o700)
    shutil.copy(ONE_TEXT / "signed.edgemed", path)
    case.open_saved(path, PASSPHRASE)
    before = case.session.document
    assert before.signature is not None and before.signature.by == "Dr A"
    write(case, "Another draft.")
    assert case.close() == path
    after = sessions.load(path, PASSPHRASE)[0]
    assert after.documents[0] == before and after.documents[1].text == "Another draft."


def test_a_seal_whose_row_cannot_be_written_is_said_to_be_kept(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*row: object) -> None:
        raise EdgemedError("the log is full", "make room")

    checked(case).sign("Dr A")
    monkeypatch.setattr(audit.Log, "add", refuse)
    with pytest.raises(seals.NotInLog, match=r"the seal is kept, but .* the log is full"):
        case.keep_seal(tmp_path)
    assert list(tmp_path.glob("edgemed-seal-*.txt"))


def test_refusals_come_before_the_question(case: Case) -> None:
    write(case, "Sodium 128.")
    with pytest.raises(Refused, match="the note is empty"):
        case.open(" ")


def test_a_check_is_no_work_to_lose_and_a_dismissal_is(case: Case) -> None:
    write(case, "Sodium 128.")
    case.save(sessions.make_lock(PASSPHRASE))
    case.reviewed("Sodium 128.", Review((), ()))
    assert not case.at_stake and not case.unchecked
    case.edit("Sodium 128!")
    assert case.at_stake


def test_ending_saves_where_saving_has_begun_and_says_where_it_cannot(
    case: Case, tmp_path: Path
) -> None:
    assert case.close() is None
    write(case, "Sodium 128.")
    with pytest.raises(Unsaved):
        case.close()
    path = case.save(sessions.make_lock(PASSPHRASE))
    case.edit("Mine.")
    assert case.close() == path
    assert sessions.load(path, PASSPHRASE)[0].text == "Mine."
    case.edit("Yours.")
    case.folder = tmp_path / "sessions"
    path.unlink()
    path.mkdir()
    with pytest.raises(EdgemedError, match="cannot be saved"):
        case.close()
    assert case.at_stake


def test_a_signed_text_stands_and_its_signer_is_who_decides_from_then_on(
    case: Case, place: LogFiles
) -> None:
    checked(case).sign(" Dr A ")
    assert case.who == "Dr A"
    with pytest.raises(Refused, match="signed"):
        case.edit("Mine.")
    with pytest.raises(Refused, match="signed"):
        case.sign("Dr B")
    given: list[str] = []
    case.copy_out(given.append)
    assert given == ["Sodium 128."]
    assert [(row.what, row.who) for row in audit.read(place)] == [
        ("draft", "not named"),
        ("sign", "Dr A"),
        ("export", "Dr A"),
    ]
