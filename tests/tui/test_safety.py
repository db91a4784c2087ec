"""What the screen never gives away: in a crash, a lost terminal, a clipboard, an idle hour."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from edgemed_models.fake import ScriptedModel
from edgemed_tui import crash
from edgemed_tui.literal import Words
from edgemed_tui.messages import NotePasted
from edgemed_tui.screens.dialogs import AskPassphrase, AskUnsaved, Confirm
from edgemed_tui.screens.locked import LockScreen
from edgemed_tui.settings import Settings, load, save
from edgemed_tui.widgets.status import Notice
from textual import events
from textual.command import CommandPalette
from textual.widgets import Input

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions
from edgemed.clinic.case.history import NOBODY
from edgemed.errors import InvalidFile
from tests.tui.driving import case_of, drafted, panes_of, press, shown, started, until
from tests.tui.scripted import DRAFT, NOTE, app, pieces

PASSPHRASE = "four words of mine"

CRASH = """
import sys
from tests.tui.scripted import app
made = app()
def crash() -> None:
    secret = "Mrs Example has a secret illness"
    raise ValueError(secret)
made.call_later(crash)
made.run(headless=True)
print("code", made.return_code)
"""

HANGUP = """
import sys, time, threading, os, signal
from pathlib import Path
from edgemed.clinic.case import sessions
from tests.tui.scripted import app
made = app(folder=Path(sys.argv[1]))
made.case.lock = sessions.make_lock("four words of mine")
threading.Timer(2.5, lambda: os.kill(os.getpid(), signal.SIGHUP)).start()
made.run(headless=True)
sys.exit(made.return_code)
"""


def run(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_crash_prints_type_and_place_and_no_value() -> None:
    done = run(CRASH)
    printed = done.stdout + done.stderr
    assert "edgemed stopped: ValueError in <string>, line 7" in printed
    assert "code 1" in printed
    assert "secret" not in printed.replace("secret =", "")
    assert "Mrs Example" not in printed


def test_a_place_names_the_first_cause() -> None:
    def broken() -> None:
        try:
            raise KeyError("note text")
        except KeyError as error:
            raise RuntimeError("more note text") from error

    with pytest.raises(RuntimeError) as caught:
        broken()
    assert crash.place_of(caught.value).startswith("KeyError in test_safety.py, line ")
    assert "note text" not in crash.report(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGHUP is POSIX")
def test_a_lost_terminal_keeps_the_session_encrypted(tmp_path: Path) -> None:
    done = run(HANGUP, str(tmp_path))
    assert done.returncode == 129, done.stderr
    (saved,) = (tmp_path / "sessions").iterdir()
    assert b"furosemide" not in saved.read_bytes()
    assert sessions.load(saved, PASSPHRASE)[0].source == NOTE


@pytest.mark.skipif(sys.platform == "win32", reason="SIGHUP is POSIX")
def test_a_lost_terminal_ends_even_what_cannot_close(tmp_path: Path) -> None:
    stuck = HANGUP.replace("made.run(", "made.exit = lambda **_: time.sleep(120)\nmade.run(")
    done = run(
        stuck.replace("import sys", "import edgemed_tui.hangup as a; a.GRACE = 0.2; import sys"),
        str(tmp_path),
    )
    assert done.returncode == 129, done.stderr
    assert list((tmp_path / "sessions").iterdir())


async def test_the_palette_offers_no_screenshot(tmp_path: Path) -> None:
    made = app(folder=tmp_path)
    async with started(made) as pilot:
        titles = [command.title for command in made.get_system_commands(made.screen)]
        assert "Screenshot" not in titles
        assert {"Theme", "Lock", "Draft", "Template", "Note"} <= set(titles)
        await press(pilot, "ctrl+p")
        assert isinstance(pilot.app.screen, CommandPalette)
        below = {c.title: c.help for c in made.get_system_commands(pilot.app.screen_stack[-2])}
        assert (below["Models"], below["Merge models"], below["Sweep"]) == (
            "key: f2",
            "key: f3",
            "key: f4",
        )


async def test_nothing_reaches_the_terminals_clipboard_unless_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with drafted(tmp_path) as pilot:
        written: list[str] = []
        driver = pilot.app._driver
        assert driver is not None
        monkeypatch.setattr(driver, "write", written.append)
        panes_of(pilot).draft.select_all()
        await press(pilot, "ctrl+c")
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter", "c")
        assert isinstance(pilot.app.screen, Confirm)  # whether copying may be allowed
        await press(pilot, "enter")
        assert not any("]52;" in text for text in written)
        pilot.app.action_clipboard()  # type: ignore[attr-defined]
        panes_of(pilot).draft.focus()
        await press(pilot, "c")
        assert any("]52;" in text for text in written)


async def test_the_title_of_the_terminal_never_changes(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        assert (pilot.app.title, pilot.app.sub_title) == ("edgemed", "")
        assert all(s.title is None and s.sub_title is None for s in pilot.app.screen_stack)


async def test_saving_asks_once_and_the_file_opens_again(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "ctrl+s")
        assert isinstance(pilot.app.screen, AskPassphrase)
        await press(pilot, *PASSPHRASE, "enter", *PASSPHRASE, "enter")
        (saved,) = (tmp_path / "sessions").iterdir()
        session, _ = sessions.load(saved, PASSPHRASE)
        assert session == case_of(pilot).session
        await press(pilot, "ctrl+s")
        assert not isinstance(pilot.app.screen, AskPassphrase)


async def test_a_wrong_passphrase_of_a_saved_session_is_asked_for_again(tmp_path: Path) -> None:
    lock = sessions.make_lock(PASSPHRASE)
    sessions.save_new(tmp_path / "sessions", "2026-01-01T00:00:00", steps.opened(NOTE), lock)
    async with started(app(folder=tmp_path, note=None)) as pilot:
        await press(pilot, "escape", "ctrl+n", "enter", *"wrong", "enter")
        assert isinstance(pilot.app.screen, AskPassphrase)
        about = pilot.app.screen.query(".about").results(Words)
        assert "does not open this session" in "".join(str(one.content) for one in about)
        await press(pilot, *PASSPHRASE, "enter")
        assert case_of(pilot).session.source == NOTE


async def test_a_paste_beside_every_editor_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        for pane in (panes_of(pilot).draft, panes_of(pilot).findings):
            pane.focus()
            await pilot.pause()
            case_of(pilot).query_one(Notice).clear()
            pilot.app.post_message(events.Paste("Another note.\nIts second line."))
            for _ in range(200):
                await pilot.pause(0.02)
                if case_of(pilot).query_one(Notice).display:
                    break
            assert "nothing to paste into here" in str(case_of(pilot).query_one(Notice).content)
            assert case_of(pilot).session.source == NOTE and panes_of(pilot).draft.text == DRAFT
        panes_of(pilot).draft.focus()
        await press(pilot, "e")
        case_of(pilot).query_one(Notice).clear()
        pilot.app.post_message(events.Paste("Pasted. "))
        await until(pilot, "draft")
        assert panes_of(pilot).draft.text == f"Pasted. {DRAFT}"
        assert not case_of(pilot).query_one(Notice).display


async def test_a_passphrase_that_will_not_do_is_refused_where_it_is_typed(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "ctrl+s", *"short", "enter")
        dialog = pilot.app.screen
        assert "fewer than 8 characters" in await shown(pilot, "fault", bool)
        await press(pilot, *" no more", "enter", *"another", "enter")
        assert "type both again" in await shown(pilot, "fault", bool)
        assert isinstance(dialog.focused, Input) and dialog.focused.id == "first"
        await press(pilot, *PASSPHRASE, "enter", *PASSPHRASE, "enter")
        assert pilot.app.screen is not dialog and sessions.saved_in(tmp_path / "sessions")


async def test_closing_with_unsaved_work_warns(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "ctrl+q")
        assert isinstance(pilot.app.screen, AskUnsaved)
        await press(pilot, "enter")
        assert pilot.app.is_running
        assert panes_of(pilot).draft.text == DRAFT


async def test_the_lock_hides_all_and_opens_to_the_passphrase_alone(tmp_path: Path) -> None:
    made = app(folder=tmp_path)
    made.case.lock = sessions.make_lock(PASSPHRASE)
    async with started(made) as pilot:
        made.action_lock()
        await press(pilot, "escape", "ctrl+p", "ctrl+q", "f1", *"wrong", "enter")
        assert isinstance(pilot.app.screen, LockScreen)
        strips = pilot.app.screen._compositor.render_strips()
        shown = "".join(segment.text for strip in strips for segment in strip)
        assert "DISCHARGE NOTE" not in shown
        await press(pilot, *PASSPHRASE, "enter")
        assert not isinstance(pilot.app.screen, LockScreen)


async def test_an_idle_screen_locks_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = app(folder=tmp_path)
    async with started(made) as pilot:
        made._lock_when_idle()
        assert not isinstance(pilot.app.screen, LockScreen)
        made.last_input -= 60 * made.settings.lock_minutes + 1
        made._lock_when_idle()
        await pilot.pause()
        assert isinstance(pilot.app.screen, LockScreen)


async def test_a_note_of_200_kilobytes_is_pasted_whole(tmp_path: Path) -> None:
    text = "".join(f"{i}: Na 128 [L] K 5.9 [H]\r\n" for i in range(7500))
    assert len(text) > 200_000
    async with started(app(folder=tmp_path, note=None)) as pilot:
        case_of(pilot).post_message(NotePasted(text))
        await pilot.pause(0.5)
        assert case_of(pilot).session.source == text.replace("\r\n", "\n")
        assert panes_of(pilot).source.text == case_of(pilot).session.source


async def test_an_edit_survives_an_engine_that_dies(tmp_path: Path) -> None:
    model = ScriptedModel(pieces(DRAFT))
    async with drafted(tmp_path, model) as pilot:
        await press(pilot, "e", "x", "escape")
        await until(pilot, "reviewed")
        model.fail_after = 0
        await press(pilot, "ctrl+g", "end", "enter")
        await pilot.pause(0.3)
        assert "the model process ended" in str(case_of(pilot).query_one("#notice").content)
        assert case_of(pilot).session.text == f"x{DRAFT}"


def test_settings_come_back_and_a_wrong_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a" / "screen.toml"
    wanted = Settings("light", True, 3, True, {"session.draft": 'f5,"'}, {"soap": 3, 'a"b': 1})
    save(path, wanted)
    assert load(path) == wanted
    tables = ("[keys]\na = 1", "[templates]\na = '1'")
    for wrong in ("theme = 3", 'theme = "pink"', "colour = 1", "theme", *tables):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(InvalidFile):
            load(path)


def test_a_name_that_an_earlier_version_kept_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "screen.toml"
    path.write_text('theme = "light"\nname = "Dr A"\n', encoding="utf-8")
    save(path, load(path))
    assert load(path).theme == "light"
    assert "Dr A" not in path.read_text(encoding="utf-8")


async def test_the_lock_ends_a_sitting_and_with_it_the_name_of_the_signer(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter")
        case_of(pilot).owner.remember(lock_minutes=3)
        case = case_of(pilot).case
        assert (case.who, case.signer) == ("Dr A", "Dr A")
        pilot.app.action_lock()
        assert (case.who, case.signer) == (NOBODY, "")
    assert "Dr A" not in (tmp_path / "screen.toml").read_text(encoding="utf-8")


async def test_a_signature_is_asked_for_once_more_by_name_and_no_comes_first(
    tmp_path: Path,
) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter")
        asked = "\n".join(str(words.content) for words in pilot.app.screen.query(Words))
        assert "Dr A signs" in asked and "because: seen." in asked
        await press(pilot, "enter")
        assert case_of(pilot).session.signature is None
        await press(pilot, "s", "enter", "down", "enter")
        assert case_of(pilot).session.signature is not None


async def test_keys_can_be_bound_anew_by_name(tmp_path: Path) -> None:
    save(tmp_path / "screen.toml", Settings(keys={"session.template": "f8"}))
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+t")
        assert len(pilot.app.screen_stack) == 2
        await press(pilot, "f8")
        assert len(pilot.app.screen_stack) == 3


async def test_keys_of_every_screen_have_names_that_a_keymap_may_use(tmp_path: Path) -> None:
    keys = {"merge.run": "f9", "sweep.open": "f9", "picker.close": "f9", "models.tune": "f9"}
    save(tmp_path / "screen.toml", Settings(keys=keys))
    async with started(app(folder=tmp_path)) as pilot:
        await pilot.pause(0.2)
        assert not case_of(pilot).query_one("#notice").display
        await press(pilot, "f3", "f9")
        said = str(pilot.app.screen.query_one("#follows").render())
        assert "looking" in said or "!" in said


async def test_a_name_in_the_keymap_that_names_nothing_is_said(tmp_path: Path) -> None:
    save(tmp_path / "screen.toml", Settings(keys={"session.tempalte": "f8"}))
    async with started(app(folder=tmp_path)) as pilot:
        await pilot.pause(0.2)
        notice = str(case_of(pilot).query_one("#notice").content)  # type: ignore[attr-defined]
        assert "session.tempalte" in notice
        assert "session.template" in notice


def test_leaking_variables_are_taken_away_before_the_screen_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from edgemed.cli.clinic import tui

    for name in tui.LEAKS:
        monkeypatch.setenv(name, "/tmp/leak")
    tui.close_leaks()
    assert not set(tui.LEAKS) & set(os.environ)
