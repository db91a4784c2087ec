"""A fault that was foreseen ends nothing on the screen: it is said, with its remedy.

A fault that nobody foresaw ends it, and keeps what saving keeps.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_tui import machine
from edgemed_tui.app import EdgemedApp
from edgemed_tui.literal import Words
from edgemed_tui.messages import InsertAsked
from edgemed_tui.screens.session import SessionScreen
from edgemed_tui.screens.welcome import WelcomeScreen
from edgemed_tui.services import ModelChoice
from edgemed_tui.widgets.next_step import NextStep
from edgemed_tui.widgets.status import Notice

from edgemed.clinic import sessions
from edgemed.clinic.template import own_folder
from edgemed.errors import EdgemedError
from edgemed.local_models import library
from tests.tui.driving import case_of, drafted, press
from tests.tui.scripted import DRAFT, NOTE, OMISSION, app, services

CRASH = """
import sys
from pathlib import Path
from edgemed.clinic import sessions
from edgemed.clinic import session as steps
from edgemed.clinic.document import Origin
from tests.tui.scripted import DRAFT, app
made = app(folder=Path(sys.argv[1]))
def crash():
    made.case.session = steps.drafted(made.case.session, Origin("m", "soap"), DRAFT)
    if sys.argv[2] == "saved":
        made.case.save(sessions.make_lock("four words of mine"))
        made.case.edit(DRAFT + "MINE")
    for screen in made.sessions:
        screen.call_later(fail)
    fail()
def fail():
    raise KeyError(DRAFT)
made.call_later(crash)
made.run(headless=True)
sys.exit(made.return_code)
"""


def fails(*given: object, **more: object) -> None:
    raise EdgemedError("the stick is gone", "plug it in again")


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("edgemed_tui.screens.deciding.Deciding.name", "l"),
        ("edgemed_tui.screens.documents.Documents.add", "a"),
        ("edgemed_tui.screens.choosing.Choosing.template", "ctrl+t"),
        ("edgemed_tui.app.EdgemedApp.action_models", "f2"),
        ("edgemed_tui.screens.deciding.Deciding.insert", ""),
    ],
)
async def test_a_foreseen_fault_anywhere_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, key: str
) -> None:
    async with drafted(tmp_path) as pilot:
        monkeypatch.setattr(place, fails)
        monkeypatch.setattr(SessionScreen, "check_action", lambda *given: True)
        for _ in range(2):  # what was said once can be said again: everything still runs
            screen = case_of(pilot)
            screen.query_one(Notice).clear()
            if key:
                await press(pilot, key)
            else:
                screen.post_message(InsertAsked(OMISSION))
            await pilot.pause()
            said = str(screen.query_one(Notice).content)
            assert "the stick is gone" in said and "plug it in again" in said
        assert case_of(pilot).session.text == DRAFT


async def test_the_screen_begins_where_the_list_of_models_is_damaged(tmp_path: Path) -> None:
    library.make_folder()
    (library.folder() / "library.json").write_text("{")

    def models() -> Sequence[ModelChoice]:
        return [*machine.installed(), *machine.demonstration()]

    made = EdgemedApp(replace(services(folder=tmp_path), models=models), NOTE)
    async with made.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        screen = case_of(pilot)
        assert screen.session.source == NOTE
        said = str(screen.query_one(Notice).content)
        assert "library.json is damaged" in said and "add the models again" in said
        made.action_welcome()
        await pilot.pause()
        assert isinstance(made.screen, WelcomeScreen)
        told = " ".join(str(words.content) for words in made.screen.query(Words))
        assert "library.json is damaged" in told


async def test_a_broken_template_is_said_at_the_start_and_takes_no_others_number(
    tmp_path: Path,
) -> None:
    own_folder().mkdir(parents=True)
    (own_folder() / "mine.toml").write_text('title = "x"\n')
    async with app(folder=tmp_path).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        screen = case_of(pilot)
        assert "mine.toml" in str(screen.query_one(Notice).content)
        assert screen.query_one(NextStep).display and len(screen.choosing.usual) > 3


def crashed(folder: Path, saved: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", CRASH, str(folder), saved]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    printed = done.stdout + done.stderr
    assert "edgemed stopped: KeyError in <string>, line 18" in printed
    assert "textual run" not in printed and "NOTE:" not in printed
    assert "breathlessness" not in printed and done.returncode == 1
    return done


def test_a_crash_keeps_a_session_that_was_saved_before(tmp_path: Path) -> None:
    done = crashed(tmp_path, "saved")
    (path,) = (tmp_path / "sessions").glob(f"*{sessions.ENDING}")
    assert sessions.load(path, "four words of mine")[0].text == DRAFT + "MINE"
    assert path.stem in done.stdout + done.stderr


def test_a_crash_saves_nothing_that_the_user_has_not_saved(tmp_path: Path) -> None:
    done = crashed(tmp_path, "never saved")
    assert not (tmp_path / "sessions").exists()
    assert "was not saved" in done.stdout + done.stderr
