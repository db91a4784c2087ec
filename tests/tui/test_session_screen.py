"""The session screen, driven by keys: note in, draft out, evidence, findings."""

from textual.pilot import Pilot

from edgemed.clinic.session import stage
from edgemed_tui.app import EdgemedApp
from edgemed_tui.screens.session import SessionScreen
from edgemed_tui.widgets.review_pane import ReviewPane
from tests.tui.scripted import DRAFT, NOTE, app


def screen_of(app: EdgemedApp) -> SessionScreen:
    screen = app.screen
    assert isinstance(screen, SessionScreen)
    return screen


async def until(pilot: Pilot[None], wanted: str) -> None:
    """Wait until the session has come to `wanted`."""
    for _ in range(200):
        if stage(screen_of(pilot.app).session) == wanted:  # type: ignore[arg-type]
            return
        await pilot.pause(0.02)
    raise AssertionError(f"the session never came to {wanted}")


async def test_a_note_becomes_a_checked_draft_by_keys_alone() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        panes = pilot.app.screen.query_one(ReviewPane)
        assert panes.draft.text == DRAFT
        assert panes.source.text == NOTE


async def test_the_sentence_under_the_cursor_shows_its_evidence_in_the_note() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        await pilot.press("down")
        await pilot.pause()
        source = pilot.app.screen.query_one(ReviewPane).source
        line = source.document.get_line(source.cursor_location[0])
        assert line == "Three days of worsening breathlessness and swelling of both legs."
