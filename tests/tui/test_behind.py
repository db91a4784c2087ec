"""What opens over a page keeps it in sight, dimmed; the lock alone hides it."""

from pathlib import Path
from typing import Any

import pytest
from edgemed_tui.screens import behind
from edgemed_tui.themes import NAMES
from textual.pilot import Pilot

from tests.tui.driving import case_of, drafted, press, started, until
from tests.tui.scripted import app


def screen_text(pilot: Pilot[None]) -> str:
    """What the terminal shows."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


OPENED = {
    "templates": "ctrl+t",
    "commands": "ctrl+p",
    "help": "f1",
    "jump": "ctrl+o",
    "sign": "s",
    "dismiss": "d",
    "compare": "v",
    "unsaved": "ctrl+n",
    "passphrase": "ctrl+s",
    "name": "l",
    "seal": "z",
}


@pytest.mark.parametrize("key", OPENED.values(), ids=OPENED.keys())
async def test_the_page_stays_in_sight_in_a_small_window(tmp_path: Path, key: str) -> None:
    async with drafted(tmp_path, size=(80, 24)) as pilot:
        page = case_of(pilot)
        await press(pilot, "n", key)
        await pilot.pause()
        assert pilot.app.screen is not page
        shown = screen_text(pilot)
        assert "edgemed   ● note   ● draft   ● checked" in shown
        assert page.screen._compositor.size == (80, 24)


async def test_the_lock_hides_it(tmp_path: Path) -> None:
    async with drafted(tmp_path, size=(80, 24)) as pilot:
        pilot.app.action_lock()  # type: ignore[attr-defined]
        await pilot.pause()
        assert "checked" not in screen_text(pilot) and "Furosemide" not in screen_text(pilot)


@pytest.mark.parametrize("theme", NAMES)
async def test_it_is_dimmed_in_every_theme(tmp_path: Path, theme: str) -> None:
    async with drafted(tmp_path, size=(80, 24)) as pilot:
        pilot.app.theme = theme
        await pilot.pause()
        bright = [s.style for s in case_of(pilot)._compositor.render_strips()[0]]
        await press(pilot, "ctrl+t")
        dimmed = [s.style for s in pilot.app.screen._compositor.render_strips()[0]]
        same = {s.color for s in bright if s} & {s.color for s in dimmed if s}
        assert all(s.dim for s in dimmed if s) or same <= {None}


async def test_what_changes_on_the_page_is_seen_and_so_is_another_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "EVERY", 0.05)
    monkeypatch.setattr(behind, "TYPING", 0.0)
    async with drafted(tmp_path, size=(80, 24)) as pilot:
        await press(pilot, "ctrl+t")
        case_of(pilot).status.tell(doing="something new")
        for _ in range(100):
            await pilot.pause(0.02)
            if "something new" in screen_text(pilot):
                break
        assert "something new" in screen_text(pilot)
        await pilot.resize_terminal(100, 30)
        for _ in range(100):
            await pilot.pause(0.02)
            if "Furosemide 80 mg by mouth" in screen_text(pilot):
                break
        rows = screen_text(pilot).split("\n")
        assert len(rows) == 30 and "^p commands" in rows[0][80:]


async def test_the_page_is_not_drawn_behind_every_letter_that_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []
    real = behind.veiled

    def counted(*given: Any) -> Any:
        drawn.append(given)
        return real(*given)

    monkeypatch.setattr(behind, "EVERY", 0.01)
    monkeypatch.setattr(behind, "TYPING", 3.0)
    monkeypatch.setattr(behind, "LONGEST", 60.0)
    monkeypatch.setattr(behind, "veiled", counted)
    async with drafted(tmp_path, size=(80, 24)) as pilot:
        await press(pilot, "ctrl+t")
        await pilot.pause(0.1)
        drawn.clear()
        for n in range(8):
            await press(pilot, "s")
            case_of(pilot).status.tell(doing=f"step {n}")
            await pilot.pause(0.02)
        assert len(drawn) <= 1  # the first change
        monkeypatch.setattr(behind, "TYPING", 0.0)
        for _ in range(300):
            await pilot.pause(0.02)
            if "step 7" in screen_text(pilot):
                break
        assert "step 7" in screen_text(pilot)


@pytest.mark.parametrize("key", ["f1", "f2", "f3", "f4"])
async def test_a_page_that_was_opened_leaves_the_styles_of_the_session_alone(
    key: str, tmp_path: Path
) -> None:
    async with started(app(folder=tmp_path), size=(80, 24)) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        page = pilot.app.screen
        before = {w.id: w.region for w in page.query("*") if w.id}
        await press(pilot, key)
        assert pilot.app.screen is not page
        await press(pilot, "escape")
        assert pilot.app.screen is page
        assert {w.id: w.region for w in page.query("*") if w.id} == before
