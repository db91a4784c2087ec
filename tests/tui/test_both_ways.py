"""What may be done to a case, on the screen and in line mode alike: one suite for both ways."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui.app import EdgemedApp
from edgemed_tui.keymap import binding_names
from edgemed_tui.services import ModelChoice

from edgemed.clinic import session as steps
from edgemed.clinic import sessions
from edgemed.clinic.document import Origin
from edgemed.clinic.findings import Omission, Review
from edgemed.clinic.template import own_folder
from edgemed.errors import EdgemedError, Refused
from edgemed.logs import audit, database
from edgemed.logs.audit import Log
from tests.tui.held_log import held, place
from tests.tui.scripted import DRAFT, NOTE, pieces, review, services
from tests.tui.ways import NAMES, PASSPHRASE, AnyWay, way

OTHER = "Another patient, seen today for a cough. No fever. Home with advice.\n"
PART = "".join(pieces(DRAFT)[:12])

both_ways = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)


def model() -> ScriptedModel:
    return ScriptedModel(pieces(DRAFT))


def logged(folder: Path) -> list[str]:
    assert audit.verify(place(folder)).faults == ()
    return [row.what for row in audit.read(place(folder))]


def saved(folder: Path) -> list[Path]:
    return sorted((folder / "sessions").glob(f"*{sessions.ENDING}"))


@both_ways
async def test_from_a_note_to_a_signed_text_that_is_exported_saved_and_opened(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        flag = by.finding(steps.Flag)
        await by.dismiss(flag)
        assert steps.dismissal_of(by.session, flag) is not None
        await by.restore(flag)
        assert by.session.dismissals == ()
        await insert_and_edit(by)
        await by.sign()
        assert by.session.signature is not None and by.session.signature.by == "Dr A"
        await by.export(tmp_path / "out.txt")
        await by.save()
        before = by.session
        await by.note(OTHER)
        await by.open(saved(tmp_path)[0])
        assert by.session == before and by.asked == 0
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").startswith(before.text.rstrip())
    assert logged(tmp_path) == ["draft", "dismiss", "restore", "sign", "export"]


async def insert_and_edit(by: AnyWay) -> None:
    """Take over what was left out, marked; the mark goes with an edit."""
    omission = by.finding(Omission)
    assert isinstance(omission, Omission)
    await by.insert(omission)
    line = steps.insertion(by.session, omission)
    assert by.session.text.splitlines()[-1] == line and by.session.review is not None
    await by.sign()
    assert by.session.signature is None and "still marked for editing" in by.said
    await by.edit_last("Allergic to penicillin.")
    assert by.session.text.splitlines()[-1] == "Allergic to penicillin."
    assert by.session.ai_draft == DRAFT and by.session.review is not None


@both_ways
async def test_unsaved_work_is_lost_only_to_a_yes_for_that_very_thing(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.save()
        (path,) = saved(tmp_path)
        await by.edit_last("Mine.")
        mine = by.session
        for number, ask in enumerate((lambda: by.note(OTHER), lambda: by.open(path)), 1):
            await ask()
            assert (by.session, by.asked) == (mine, number)
        await by.draft()
        assert by.session.documents[0] == mine.document and by.asked == 2
        await by.note(OTHER)
        assert by.session.text == DRAFT and by.asked == 3
        await by.note(OTHER, lose=True)
        assert by.session == steps.opened(OTHER)


@both_ways
async def test_a_pasted_note_is_lost_only_to_a_yes_for_it(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.paste(OTHER)
        assert by.session == steps.opened(OTHER) and by.asked == 0  # the one before is in a file
        ways = (lambda: by.paste(NOTE), lambda: by.note(NOTE), lambda: by.sample(lose=False))
        for number, ask in enumerate((*ways, by.quit), 1):
            assert await ask() is not True
            assert (by.session, by.asked) == (steps.opened(OTHER), number)
        await by.paste(NOTE, lose=True)
        assert (by.session, by.asked) == (steps.opened(NOTE), 5)
        await by.note(OTHER, lose=True)
        assert (by.session, by.asked) == (steps.opened(OTHER), 6)
        assert await by.quit() and by.asked == 6


@both_ways
async def test_a_pasted_note_is_kept_once_it_is_saved_and_not_by_an_exported_text(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.paste(NOTE)
        await by.draft()
        await by.sign()
        await by.export(tmp_path / "out.txt")
        assert not await by.quit() and by.asked == 1
        await by.save()
        await by.paste(OTHER)
        assert by.session == steps.opened(OTHER) and by.asked == 1
        assert await by.quit() and by.asked == 1  # saving has begun: it is saved
        assert sorted(sessions.load(p, PASSPHRASE)[0].source for p in saved(tmp_path)) == sorted(
            (NOTE, OTHER)
        )


@both_ways
async def test_ending_saves_where_saving_has_begun_and_else_asks(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        assert not await by.quit() and by.asked == 1
        await by.save()
        await by.edit_last("Mine.")
        assert await by.quit() and by.asked == 1
        assert sessions.load(saved(tmp_path)[0], PASSPHRASE)[0].text == by.session.text


@both_ways
async def test_a_session_that_another_window_has_written_is_saved_apart_and_named(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.save()
        (path,) = saved(tmp_path)
        path.write_bytes(path.read_bytes()[::-1])  # another window
        await by.edit_last("Mine.")
        await by.save()
        (apart,) = set(saved(tmp_path)) - {path}
        assert str(apart) in by.said.replace("\n", "") and path.name in by.said
        assert sessions.load(apart, PASSPHRASE)[0].text == by.session.text
        await by.edit_last("Mine too.")
        await by.save()
        assert str(apart) not in by.said


@both_ways
async def test_what_the_log_refuses_is_not_done(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        before = by.session
        with held(tmp_path):
            await by.dismiss(by.finding(steps.Flag))
            assert by.session == before and "in use by another program" in by.said
            await by.sign()
            assert by.session == before and "in use by another program" in by.said
        await by.sign()
        signed = by.session
        with held(tmp_path):
            await by.export(tmp_path / "out.txt")
            assert "in use by another program" in by.said and "xported" not in by.said
        assert not (tmp_path / "out.txt").exists()
        await by.note(OTHER)
        assert by.session == signed and by.asked == 1  # neither saved nor exported
    assert logged(tmp_path) == ["draft", "sign"]


@both_ways
async def test_a_draft_is_taken_though_the_log_refuses_and_goes_in_before_any_other_row(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        with held(tmp_path):
            await by.draft()
            assert by.session.text == DRAFT and by.session.review is not None
            assert "not in the audit log yet" in by.said
        await by.sign()
    assert logged(tmp_path) == ["draft", "sign"]


@both_ways
async def test_a_kept_seal_covers_the_draft_that_was_owed(tmp_path: Path, name: str) -> None:
    Log(place(tmp_path)).add("sign", "Dr A", "2026-01-01T00:00:00+00:00", {})
    (tmp_path / "stick").mkdir()
    async with way(name, tmp_path, model()) as by:
        with held(tmp_path):
            await by.draft()
        await by.seal(tmp_path / "stick")
    assert logged(tmp_path) == ["sign", "draft", "seal kept"]


@both_ways
@pytest.mark.parametrize("how", ["stopped", "failed"])
async def test_a_draft_that_breaks_off_stands_where_nothing_stood_marked_and_checked(
    tmp_path: Path, name: str, how: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        break_off(by.model, how)
        await by.draft()
        assert (by.session.text, by.session.cut) == (PART, True)
        assert by.session.review is not None
    assert logged(tmp_path) == ["draft"]


@both_ways
@pytest.mark.parametrize("how", ["stopped", "failed"])
async def test_a_draft_that_breaks_off_never_takes_the_place_of_a_text(
    tmp_path: Path, name: str, how: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.save()
        await by.edit_last("Mine.")
        before = by.session
        break_off(by.model, how)
        await by.draft()
        assert by.session == before
        assert "earlier text" in by.said
        await by.note(OTHER)
        assert by.session == before and by.asked == 1  # it is as unsaved as it was
        await by.save()
    assert len(saved(tmp_path)) == 1  # and has its file
    assert logged(tmp_path) == ["draft"]


def break_off(scripted: ScriptedModel, how: str) -> None:
    """From now on a draft ends after twelve words."""
    if how == "failed":
        scripted.fail_after = 12
    else:
        scripted.script, scripted.reason = pieces(DRAFT)[:12], "cancelled"


@both_ways
async def test_a_draft_without_a_word_changes_nothing(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        by.model.script = [" "]
        await by.draft()
        assert by.session == steps.opened(NOTE) and "wrote nothing" in by.said
        by.model.script = pieces(DRAFT)
        await by.draft()
        before = by.session
        by.model.script = [" "]
        await by.draft()
        assert by.session == before
    assert logged(tmp_path) == ["draft"]


@both_ways
async def test_a_new_draft_is_a_new_document_beside_the_signed_one(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.sign()
        await by.export(tmp_path / "first.txt")
        await by.save()
        signed = by.session.document
        await by.draft()
        assert by.session.signature is None and by.session.documents[0] == signed
        await by.edit_last("Mine.")
        await by.sign()
        await by.turn_to(1)
        assert by.session.document == signed
        await by.export(tmp_path / "again.txt")
        await by.turn_to(2)
        await by.export(tmp_path / "second.txt")
        assert await by.quit() and by.asked == 0
    (path,) = saved(tmp_path)
    kept = sessions.load(path, PASSPHRASE)[0].documents
    assert kept[0] == signed and [d.signature is not None for d in kept] == [True, True]
    first, again, second = (tmp_path / f"{n}.txt" for n in ("first", "again", "second"))
    assert first.read_bytes() == again.read_bytes() and "Mine." in second.read_text()


@both_ways
async def test_documents_keep_their_own_edits_and_decisions(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.dismiss(by.finding(steps.Flag))
        await by.edit_last("One.")
        await by.draft()
        assert by.session.dismissals == ()
        await by.edit_last("Two.")
        await by.turn_to(1)
        assert by.session.text.strip().endswith("One.")
        assert len(by.session.dismissals) == 1 and by.session.review is not None
        await by.turn_to(2)
        assert "Two." in by.session.text and "One." not in by.session.text


@both_ways
async def test_a_signed_text_is_added_to_with_an_addendum(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.add("Too early.")
        assert len(by.session.documents) == 1
        await by.sign()
        signed = by.session.document
        await by.add("Potassium was repeated.")
        assert by.session.text == "Potassium was repeated.\n"
        assert by.session.document.adds_to == 1 and by.session.documents[0] == signed
        await by.sign()
        await by.export(tmp_path / "out.txt")
        await by.save()
    text = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert text.startswith("Addendum to the text that Dr A signed") and "repeated." in text
    assert DRAFT.splitlines()[0] not in text
    kept = sessions.load(saved(tmp_path)[0], PASSPHRASE)[0]
    assert kept.documents[0] == signed and kept.number == 2
    assert logged(tmp_path) == ["draft", "sign", "sign", "export"]


@both_ways
async def test_a_session_is_given_a_name_that_its_list_shows_for_the_passphrase(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.save(called="room 4")
        (path,) = saved(tmp_path)
        assert b"room 4" not in path.read_bytes()
        assert sessions.load(path, PASSPHRASE)[0].label == "room 4"
        assert "room 4" in await by.names()


@both_ways
async def test_a_signed_text_does_not_change(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        flag, omission = by.finding(steps.Flag), by.finding(Omission)
        assert isinstance(omission, Omission)
        await by.sign()
        signed = by.session
        await by.edit_last("Mine.")
        await by.insert(omission)
        await by.dismiss(flag)
        await by.sign()
        assert by.session == signed
    assert logged(tmp_path) == ["draft", "sign"]


@both_ways
async def test_a_text_that_was_saved_unchecked_is_checked_when_it_is_opened(
    tmp_path: Path, name: str
) -> None:
    lock = sessions.make_lock(PASSPHRASE)
    origin = Origin("m", "soap")
    unchecked = steps.drafted(steps.opened(NOTE), origin, DRAFT)
    path = sessions.save_new(tmp_path / "sessions", "2026-01-01T00:00:00", unchecked, lock)
    async with way(name, tmp_path, model()) as by:
        await by.open(path)
        assert by.session.text == DRAFT and by.session.review is not None
        await by.note(OTHER)
        assert by.session == steps.opened(OTHER) and by.asked == 0  # a check is no work to lose


@both_ways
async def test_a_check_that_breaks_leaves_the_draft_and_says_so(tmp_path: Path, name: str) -> None:
    def broken(source: str, draft: str) -> Review:
        raise KeyError(source)

    async with way(name, tmp_path, model(), broken) as by:
        await by.draft()
        assert by.session.text == DRAFT and by.session.review is None
        assert "check failed: KeyError in" in by.said
        assert "Not done" not in by.said and "as it was" not in by.said
        assert "DISCHARGE" not in by.said.partition("check failed")[2].partition("\n")[0]
        await by.sign()
        assert by.session.signature is None


@both_ways
async def test_after_a_check_that_broke_nothing_is_said_of_findings_and_another_check_can_be_had(
    tmp_path: Path, name: str
) -> None:
    broken = [True]

    def once(source: str, draft: str) -> Review:
        if broken:
            raise KeyError(source)
        return review(source, draft)

    async with way(name, tmp_path, model(), once) as by:
        await by.draft()
        assert "checks it again" in by.said
        if name == "line mode":
            for word in ("next", "previous"):
                said = await by.command(word)
                assert "the text has not been checked" in said and "no findings" not in said
        await by.sign()
        assert "wait a moment" not in by.said
        assert "has not been checked" in by.said or "the check failed" in by.said
        broken.clear()
        await by.sign()
        assert by.session.review is not None


@both_ways
async def test_a_finding_is_dismissed_once(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        flag = by.finding(steps.Flag)
        await by.dismiss(flag)
        before = by.session
        with pytest.raises(Refused, match="is dismissed already"):
            by.case.dismiss(flag, steps.REASONS[1])
        by.questions = 0
        await by.dismiss(flag)
        assert by.questions == 0
        assert by.session == before or by.session.dismissals == ()
    kinds = ["draft", "dismiss", *(["restore"] if name == "screen" else [])]
    assert logged(tmp_path) == kinds


@both_ways
async def test_an_edit_changes_the_line_that_is_meant_and_no_other_byte(
    tmp_path: Path, name: str
) -> None:
    text = "One\u2028two.\n\n  Three. \nFour."
    origin, lock = Origin("m", "soap"), sessions.make_lock(PASSPHRASE)
    made = steps.drafted(steps.opened(NOTE), origin, text)
    path = sessions.save_new(tmp_path / "sessions", "2026-01-01T00:00:00", made, lock)
    async with way(name, tmp_path, model()) as by:
        await by.open(path)
        await by.edit_last("Mine.")
        assert by.session.text == "One\u2028two.\n\n  Three. \nMine."


@both_ways
async def test_a_broken_template_is_named_and_the_others_can_be_chosen(
    tmp_path: Path, name: str
) -> None:
    own_folder().mkdir(parents=True)
    (own_folder() / "mine.toml").write_text('title = "x"\n')
    async with way(name, tmp_path, model()) as by:
        chosen = by.template_name
        said = await by.broken_template("mine")
        assert "mine.toml" in said and "is missing" in said and "templates show soap" in said
        assert by.template_name == chosen
        await by.template("One section from a dialogue", "Allergies")
        assert by.template_name == "visit-section"


@both_ways
async def test_a_list_of_models_that_is_damaged_is_said_and_ends_nothing(
    tmp_path: Path, name: str
) -> None:
    here = services(model()).models
    damaged: list[bool] = []

    def models() -> Sequence[ModelChoice]:
        if damaged:
            raise EdgemedError("library.json is damaged", "move it away and add the models again")
        return here()

    async with way(name, tmp_path, model(), models=models) as by:
        await by.draft()
        damaged.append(True)
        said = await by.command("model")
        assert "library.json is damaged" in said and "move it away" in said
        assert by.session.text == DRAFT


@both_ways
@pytest.mark.parametrize("typed", ["~nobody99/out.txt", "/nowhere/at/all/out.txt", "out.pdf"])
async def test_a_name_that_no_file_can_have_ends_nothing(
    tmp_path: Path, name: str, typed: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.sign()
        await by.export(typed)
        assert by.session.text == DRAFT and "xported" not in by.said
    assert logged(tmp_path) == ["draft", "sign"]


@both_ways
async def test_signed_text_is_copied_once_that_is_allowed_and_forbidden_again(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.copy(allow=True)
        assert by.copied == []  # not signed
        await by.sign()
        await by.copy()
        assert by.copied == []
        await by.copy(allow=True)
        await by.copy()  # not asked again
        assert by.copied == [DRAFT, DRAFT]
        await by.forbid_copying()
        await by.copy()
        assert by.copied == [DRAFT, DRAFT]
        with held(tmp_path):
            await by.copy(allow=True)
            assert "in use by another program" in by.said
        assert by.copied == [DRAFT, DRAFT]
    what = [row.what for row in audit.read(place(tmp_path))]
    assert what == ["draft", "sign", "setting", "export", "export", "setting"]


@both_ways
async def test_two_documents_are_compared_and_each_with_its_models_draft(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        assert "Nothing is different" in await by.compare(0)
        await by.edit_last("Mine.")
        assert "Mine." in await by.compare(0)
        await by.draft()
        assert "Mine." in await by.compare(1)
        assert "Nothing is different" in await by.compare(0)


@both_ways
async def test_findings_are_gone_through_and_a_sentence_shows_what_the_note_says(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        first, second, *_ = steps.findings(by.session)
        assert first.reason in await by.step(1)
        assert second.reason in await by.step(1)
        assert first.reason in await by.step(-1)
        assert "Three days of worsening breathlessness" in await by.look_at("Three days")
        assert "small effusion on the left" not in await by.look_at("Three days")


@both_ways
async def test_the_sample_is_opened_and_a_template_with_a_field_is_chosen_from_lists(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.sample()
        assert by.session == steps.opened(NOTE) and by.asked == 0
        await by.template("One section from a dialogue", "Allergies")
        await by.draft()
        assert by.session.origin is not None and by.session.origin.template == "visit-section"
        assert ("field section", "Allergies") in by.session.origin.settings


@both_ways
async def test_a_saved_draft_goes_on_with_its_template_and_its_fields(
    tmp_path: Path, name: str
) -> None:
    origin = Origin("m", "visit-section", settings=(("field section", "Allergies"), ("seed", 1)))
    made = steps.drafted(steps.opened(NOTE), origin, DRAFT)
    path = sessions.save_new(
        tmp_path / "sessions", "2026-01-01T00:00:00", made, sessions.make_lock(PASSPHRASE)
    )
    async with way(name, tmp_path, model()) as by:
        assert by.template_name == "soap" or name == "screen"
        await by.open(path)
        assert by.template_name == "visit-section"
        await by.draft()
        assert by.session.number == 2 and by.session.origin is not None
        assert by.session.origin.template == "visit-section"
        assert ("field section", "Allergies") in by.session.origin.settings


@both_ways
@pytest.mark.parametrize("origin", [Origin("m", "no-such-template"), None])
async def test_a_template_that_is_no_longer_there_leaves_the_one_that_was_chosen(
    tmp_path: Path, name: str, origin: Origin | None
) -> None:
    made = steps.opened(NOTE)
    made = steps.drafted(made, origin, DRAFT) if origin else made
    path = sessions.save_new(
        tmp_path / "sessions", "2026-01-01T00:00:00", made, sessions.make_lock(PASSPHRASE)
    )
    async with way(name, tmp_path, model()) as by:
        chosen = by.template_name
        await by.open(path)
        assert by.template_name == chosen


@both_ways
@pytest.mark.parametrize("demonstration", [True, False])
async def test_the_sample_comes_with_the_template_that_the_model_has_learned(
    tmp_path: Path, name: str, demonstration: bool
) -> None:
    async with way(name, tmp_path, model(), demonstration=demonstration) as by:
        chosen = by.template_name
        await by.sample()
        assert by.template_name == ("sample" if demonstration else chosen)


@both_ways
async def test_the_sample_too_takes_the_place_of_unsaved_work_only_for_a_yes(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        mine = by.session
        await by.sample(lose=False)
        assert (by.session, by.asked) == (mine, 1)
        await by.sample()
        assert (by.session, by.asked) == (steps.opened(NOTE), 2)


@both_ways
async def test_an_empty_note_is_refused_before_anything_is_asked(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        mine = by.session
        given = by.paste if name == "screen" else by.note  # the other two ask before it is known
        await given("  \n")
        assert (by.session, by.asked) == (mine, 0) and "the note is empty" in by.said


@both_ways
async def test_what_a_signature_is_needed_for_is_refused_before_anything_is_asked(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model(), demonstration=True) as by:
        assert "there is no text" in await by.command("compare")
        await by.draft()
        assert "only a signed text takes an addendum" in await by.command("addendum")
        for word in ("copy", "export"):
            assert "a demonstration draft cannot be exported" in await by.command(word)
        assert by.questions == 0


@both_ways
async def test_nothing_is_asked_about_a_finding_of_a_signed_text(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.dismiss(by.finding(steps.Flag))
        await by.sign()
        by.questions = 0
        assert "can no longer change" in await by.command("dismiss")
        assert by.questions == 0 and len(by.session.dismissals) == 1


@both_ways
async def test_without_a_note_there_is_nothing_to_write_and_nothing_to_save(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model(), note=None) as by:
        assert "there is nothing to save" in await by.command("save")
        assert "there is no note" in await by.command("draft")
        assert by.questions == 0 and by.passphrases == 0


@both_ways
async def test_a_passphrase_is_asked_for_once(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.save()
        await by.edit_last("Mine.")
        await by.save()
        await by.save(called="room 4")
        assert by.passphrases == 1
        assert sessions.load(saved(tmp_path)[0], PASSPHRASE)[0].text == by.session.text


@both_ways
async def test_copying_is_allowed_until_the_end_where_the_setting_cannot_be_kept(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.sign()
        monkeypatch.setattr("edgemed_tui.settings.write_whole", full)
        await by.copy(allow=True)
        await by.copy()
        assert by.copied == [DRAFT, DRAFT]
    what = [row.what for row in audit.read(place(tmp_path))]
    assert what == ["draft", "sign", "setting", "export", "export"]


@both_ways
async def test_an_addendum_is_compared_with_the_text_that_it_adds_to(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.sign()
        await by.add("Potassium was repeated.")
        with pytest.raises(Refused, match="no model wrote this text"):
            by.case.compared()
        assert "breathlessness" in await by.compare(1)


LINE_MODE = {
    "case.sign": "sign", "case.sign_not": "sign", "case.compare": "compare",
    "case.addendum": "addendum", "case.documents": "document", "case.export": "export",
    "case.copy": "copy", "case.save": "save", "case.name": "save", "case.seal": "seal",
    "session.note": "note", "session.template": "template", "session.model": "model",
    "session.draft": "draft", "notes.type": "paste", "notes.names": "sessions",
    "review.next": "next", "review.previous": "previous", "review.jump": "evidence",
    "review.dismiss": "dismiss", "review.insert": "insert", "draft.edit": "edit",
    "app.quit": "quit", "app.help": "help",
}  # fmt: skip
"""Keys of the screen, and the line mode's word for the same."""

NOT_NEEDED = {
    "session.stop": "Ctrl-C stops a draft",
    "draft.read": "a line is edited by one command",
    "app.jump": "there is one place to type",
    "app.models": "edgemed models",
    "app.merge": "edgemed merge",
    "app.sweep": "edgemed sweep",
}


def test_every_key_of_a_session_has_its_word_in_the_line_mode() -> None:
    ends = ("close", "leave", "back", "use", "complete", "up")  # of dialogs
    mine = {
        name
        for name in binding_names(EdgemedApp)
        if name.partition(".")[0] in ("case", "session", "review", "draft", "notes", "app")
        and name.partition(".")[2] not in ends
    }
    assert mine == LINE_MODE.keys() | NOT_NEEDED.keys()
    assert set(LINE_MODE.values()) <= plain.COMMANDS.keys() | {"quit"}
    for words in NOT_NEEDED.values():
        if words.startswith("edgemed "):
            assert words in plain.ELSEWHERE
