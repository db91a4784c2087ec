"""Findings and edits, on the screen and in line mode alike."""

from pathlib import Path

import pytest

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions
from edgemed.clinic.case.document import Origin
from edgemed.errors import Refused
from tests.tui.both_ways.verbs import PASSPHRASE
from tests.tui.both_ways.ways import both_ways, logged, model, way
from tests.tui.scripted import NOTE


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
