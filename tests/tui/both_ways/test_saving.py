"""Saving, opening and ending a case, on the screen and in line mode alike."""

from pathlib import Path

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions
from edgemed.clinic.case.document import Origin
from tests.tui.both_ways.verbs import PASSPHRASE
from tests.tui.both_ways.ways import OTHER, both_ways, model, saved, way
from tests.tui.scripted import DRAFT, NOTE


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
async def test_an_empty_note_is_refused_before_anything_is_asked(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        mine = by.session
        given = by.paste if name == "screen" else by.note  # the other two ask before it is known
        await given("  \n")
        assert (by.session, by.asked) == (mine, 0) and "the note is empty" in by.said


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
