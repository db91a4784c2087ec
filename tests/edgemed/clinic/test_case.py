"""The rules of a case by themselves: what is logged, kept, lost, taken and left."""

from pathlib import Path

import pytest
from edgemed_models.answer import Answer, Ending
from edgemed_models.base import Done, Failed, Timings

from edgemed.clinic import session as steps
from edgemed.clinic import sessions
from edgemed.clinic.case import Case, Draft, Ended, NotLogged, Unsaved
from edgemed.clinic.findings import Review
from edgemed.clinic.session import Origin
from edgemed.clinic.template import load_template
from edgemed.errors import EdgemedError, Refused
from edgemed.logs import audit, seals
from edgemed.logs.audit import Place

NOTE, OTHER = "Na 128 [L] K 5.9 [H]\n", "Another patient, with a cough.\n"
ORIGIN = Origin("m", "soap")
PASSPHRASE = "four words of mine"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "audit.sqlite", tmp_path / "audit.key", tmp_path / "audit.seal")


@pytest.fixture
def case(tmp_path: Path, place: Place) -> Case:
    made = Case(place, tmp_path / "sessions", lambda: "2026-01-02T03:04:05+00:00")
    made.open(NOTE)
    return made


def begin(case: Case, *, lose: bool = False) -> Draft:
    return case.begin_draft(load_template("soap"), lose=lose)


def answer(text: str, ending: Ending) -> Answer:
    """What a model wrote, and how it ended."""
    if ending == "failed":
        return Answer([text], end=Failed("the engine broke", "ask again"))
    return Answer([text], end=Done(ending, Timings(3, 0.1, 2, 0.2)))


def write(case: Case, text: str, reason: Ending = "stop", *, lose: bool = False) -> Ended:
    return case.end_draft(begin(case, lose=lose), answer(text, reason), ORIGIN)


def checked(case: Case) -> Case:
    write(case, "Sodium 128.")
    case.reviewed("Sodium 128.", Review((), ()))
    return case


def logged(place: Place) -> list[str]:
    return [row.what for row in audit.read(place)]


def refusing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(row: object) -> None:
        raise EdgemedError("the log is full", "make room")

    monkeypatch.setattr(case.ledger, "write", refuse)


@pytest.mark.parametrize("reason", ["stop", "length", "cancelled", "failed"])
def test_a_first_draft_stands_and_is_marked_unless_the_model_ended_it(
    case: Case, place: Place, reason: Ending
) -> None:
    assert write(case, "Sodium", reason).became == "draft"
    assert (case.session.text, case.session.cut) == ("Sodium", reason != "stop")
    assert case.unchecked and case.unsaved
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
def test_a_second_draft_takes_the_place_of_a_text_only_if_it_was_not_broken_off(
    case: Case, reason: Ending, became: str
) -> None:
    checked(case).save(sessions.make_lock(PASSPHRASE))
    before, file = case.session, case.saved_as
    assert write(case, "Potassium", reason).became == became
    if became == "draft":
        assert case.session.text == "Potassium" and case.saved_as is None and case.unsaved
    else:
        assert (case.session, case.saved_as, case.unsaved) == (before, file, False)


def test_a_draft_without_a_word_is_none(case: Case, place: Place) -> None:
    assert write(case, " \n").became == "nothing"
    assert case.session == steps.opened(NOTE) and not case.unsaved
    assert not place.log.exists()


def test_a_draft_that_was_left_for_another_note_never_reaches_it(case: Case) -> None:
    draft = begin(case)
    with pytest.raises(Unsaved):
        case.open(OTHER)
    case.open(OTHER, lose=True)
    assert (
        case.end_draft(draft, answer("Sodium 128.", "cancelled"), ORIGIN).became == "another case"
    )
    assert case.session == steps.opened(OTHER)
    later = begin(case)
    assert not case.no_draft(draft) and case.draft is later


def test_nothing_is_decided_while_a_draft_is_written(case: Case, tmp_path: Path) -> None:
    checked(case)
    before = case.session
    draft = begin(case, lose=True)
    assert case.shown == steps.opened(NOTE)
    for step in (
        case.may_sign,
        lambda: case.sign("Dr A"),
        lambda: case.edit("Mine."),
        lambda: case.export(tmp_path / "out.txt"),
        lambda: begin(case, lose=True),
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
    assert not (tmp_path / "out.txt").exists() and not given and case.unsaved


def test_the_lose_of_one_call_counts_for_no_other(case: Case, tmp_path: Path) -> None:
    write(case, "Sodium 128.")
    case.save(sessions.make_lock(PASSPHRASE))
    assert case.saved_as is not None
    path = case.saved_as
    case.edit("Mine.")
    assert write(case, "Again.", lose=True).became == "draft"
    with pytest.raises(Unsaved):
        case.open(OTHER)
    with pytest.raises(Unsaved):
        case.open_saved(path, PASSPHRASE)
    with pytest.raises(Unsaved):
        begin(case)
    assert case.session.text == "Again."


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
    assert not case.unsaved and not case.unchecked
    case.edit("Sodium 128!")
    assert case.unsaved


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
    assert case.unsaved


def test_a_signed_text_stands_and_its_signer_is_who_decides_from_then_on(
    case: Case, place: Place
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
