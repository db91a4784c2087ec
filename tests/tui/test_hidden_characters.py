"""Characters that act or hide: signs on every screen, and themselves in what is kept."""

import unicodedata
from pathlib import Path

from edgemed_models.fake import ScriptedModel
from edgemed_tui.screens.notes import TypeNote
from textual import events
from textual.app import App
from textual.widgets import OptionList, TextArea

from edgemed.local_models import library
from edgemed.local_models.library import AddedModel, Library
from tests.tui.driving import case_of, drafted, panes_of, press, started
from tests.tui.scripted import DRAFT, app, pieces

EVIL = "\n\x1b[2J\x07\x9b31m\u202eevil\u2066\u200b\u200f\ufeff\x7f\u2028"


def acting(app: App[None]) -> list[str]:
    """What the present screen would send of characters that act or hide."""
    strips = app.screen._compositor.render_strips()
    text = "".join(segment.text for strip in strips for segment in strip)
    return [
        c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


async def test_no_screen_sends_a_strangers_escapes(tmp_path: Path) -> None:
    entry = AddedModel(EVIL, str(tmp_path / f"{EVIL}.gguf"), EVIL, False, EVIL, True)
    library.write_library(Library((entry,), EVIL))
    (tmp_path / f"n{EVIL}.txt").write_text(EVIL * 5, encoding="utf-8")
    model = ScriptedModel(pieces(f"{DRAFT} {EVIL}\n"))
    async with drafted(tmp_path, model) as pilot:
        assert acting(pilot.app) == []
        for keys in (["v"], ["ctrl+n"], ["f2"], ["f3"], ["f4"], ["ctrl+t"]):
            await press(pilot, *keys)
            await pilot.pause(0.1)
            assert acting(pilot.app) == [], keys
            await press(pilot, "escape")
        await press(pilot, "f2")
        prompt = pilot.app.screen.query_one("#models", OptionList).get_option_at_index(0).prompt
        assert "evil" in str(prompt) and "\n" not in str(prompt)


async def test_a_draft_keeps_what_was_not_edited(tmp_path: Path) -> None:
    model = ScriptedModel(pieces("Has \u200bno fever\u200c today. Seen by the ward team.\n"))
    async with drafted(tmp_path, model) as pilot:
        before = case_of(pilot).session.text
        assert "\u200b" in before and "\u200b" not in panes_of(pilot).draft.text
        await press(pilot, "e", "x", "escape")
        await pilot.pause()
        assert case_of(pilot).session.text == f"x{before}"


async def test_a_pasted_note_is_what_was_pasted(tmp_path: Path) -> None:
    text = "Has \u200bno fever\u200c today, \u0645\u06cc\u200c\u062e.\r\nSecond.\n"
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+n", "ctrl+v")
        page = pilot.app.screen
        assert isinstance(page, TypeNote)
        area = page.query_one(TextArea)
        pilot.app.post_message(events.Paste(text))
        await pilot.pause()
        await press(pilot, *"ab")
        area.move_cursor((0, 3))
        await press(pilot, "Z", "backspace", "Y")
        assert acting(pilot.app) == []
        await press(pilot, "ctrl+g")
        kept = text.replace("\r\n", "\n")
        assert case_of(pilot).session.source == f"{kept[:3]}Y{kept[3:]}ab"


async def test_what_is_pasted_into_a_draft_stands_there_once(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        before = case_of(pilot).session.text
        await press(pilot, "e")
        pilot.app.post_message(events.Paste("pas\x1b\u200cted "))
        await pilot.pause()
        assert panes_of(pilot).draft.text.startswith("pas\ufffd\ufffdted Reason")
        assert case_of(pilot).session.text == f"pas\ufffd\u200cted {before}"
