"""A draft, and its check, on the screen and in line mode alike."""

from pathlib import Path

import pytest
from edgemed_models.fake import ScriptedModel

from edgemed.clinic.case import session as steps
from edgemed.clinic.findings import Review
from edgemed.logs.audit import Log
from tests.tui.both_ways.ways import OTHER, both_ways, logged, model, saved, way
from tests.tui.held_log import held, place
from tests.tui.scripted import DRAFT, NOTE, pieces, review

PART = "".join(pieces(DRAFT)[:12])


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
