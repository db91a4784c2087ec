"""Signing, and what may be done with a signed text, on the screen and in line mode alike."""

from pathlib import Path

import pytest

from edgemed.clinic.case import session as steps
from edgemed.clinic.findings import Omission
from edgemed.logs import audit
from tests.tui.both_ways.ways import OTHER, AnyWay, both_ways, logged, model, saved, way
from tests.tui.held_log import held, place
from tests.tui.scripted import DRAFT


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
