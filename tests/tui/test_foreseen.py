"""A fault that was foreseen ends nothing on the screen: it is said, with its remedy.

A fault that nobody foresaw ends it, and keeps what saving keeps.
"""

import errno
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.base import ModelError
from edgemed_tui import machine
from edgemed_tui.app import EdgemedApp
from edgemed_tui.literal import Words
from edgemed_tui.messages import InsertAsked
from edgemed_tui.screens.notes import NotePicker
from edgemed_tui.screens.session import SessionScreen
from edgemed_tui.screens.sweep import SweepScreen
from edgemed_tui.screens.welcome import WelcomeScreen
from edgemed_tui.services import ModelChoice
from edgemed_tui.widgets.draft_pane import DraftPane
from edgemed_tui.widgets.next_step import NextStep
from edgemed_tui.widgets.status import Notice
from textual.pilot import Pilot
from textual.widget import Widget

from edgemed.clinic.case import sessions
from edgemed.clinic.summarizing.template_files import own_folder
from edgemed.errors import EdgemedError
from edgemed.evals.sweep_file import sweeps_folder
from edgemed.local_models import library
from tests.modes import unreadable
from tests.tui.driving import case_of, drafted, press
from tests.tui.scripted import DRAFT, NOTE, OMISSION, app, services

CRASH = """
import sys
from pathlib import Path
from edgemed.clinic.case import sessions
from edgemed.clinic.case import session as steps
from edgemed.clinic.case.document import Origin
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


WAYS: dict[str, Callable[[Widget, Callable[[], None]], object]] = {
    "a message": lambda widget, fail: widget.call_later(fail),
    "after a message": lambda widget, fail: widget.call_next(fail),
    "after drawing": lambda widget, fail: widget.call_after_refresh(fail),
    "a timer": lambda widget, fail: widget.set_timer(0.001, fail),
    "a worker": lambda widget, fail: widget.run_worker(later(fail)),
    "the app": lambda widget, fail: widget.app.call_later(fail),
    "after the app": lambda widget, fail: widget.app.call_next(fail),
}
FAULTS = {
    "plug it in again": EdgemedError("the stick is gone", "plug it in again"),
    "load it again": ModelError("the engine is gone", "load it again"),
    "/media/stick: Permission denied": PermissionError(
        errno.EACCES, "Permission denied", "/media/stick"
    ),
    "free some disk space": OSError(errno.ENOSPC, "No space left on device"),
}
"""Foreseen faults, and what is said of each."""


async def later(fail: Callable[[], None]) -> None:
    fail()


def failing(words: str) -> Callable[[], None]:
    def fail() -> None:
        raise FAULTS[words]

    return fail


async def said_after(pilot: Pilot[None], part: Widget, way: str, words: str) -> None:
    """A foreseen fault comes up in `part`: it is said, and `part` hears its next message."""
    notice, heard = case_of(pilot).query_one(Notice), list[bool]()
    notice.clear()
    WAYS[way](part, failing(words))
    await pilot.pause(0.002)
    part.call_later(heard.append, True)
    await pilot.pause()
    assert heard and words in str(notice.content), (part, way)


async def test_after_a_foreseen_fault_every_part_of_the_screen_goes_on(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        pilot.app.action_help()
        await pilot.pause()
        below, above = case_of(pilot), pilot.app.screen
        parts = (below, *below.query("*"), above, *above.query("*"))
        for part in {type(part): part for part in parts}.values():
            await said_after(pilot, part, "a message", "plug it in again")
        for way in WAYS:
            for words in FAULTS:
                await said_after(pilot, below.query_one(DraftPane), way, words)
        assert below.session.text == DRAFT


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


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
async def test_folders_that_may_not_be_read_are_said_and_the_rest_can_be_chosen(
    tmp_path: Path,
) -> None:
    places = (own_folder(), tmp_path / "sessions", sweeps_folder())
    with ExitStack() as held:
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
            held.enter_context(unreadable(place))
        async with app(folder=tmp_path).run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            screen = case_of(pilot)
            assert f"{places[0]} cannot be read" in str(screen.query_one(Notice).content)
            assert len(screen.choosing.usual) > 3
            await press(pilot, "ctrl+n")
            assert isinstance(pilot.app.screen, NotePicker)
            assert f"{places[1]} cannot be read" in str(screen.query_one(Notice).content)
            await press(pilot, "escape", "f4")
            assert isinstance(pilot.app.screen, SweepScreen) and pilot.app.screen.curve
            said = str(pilot.app.screen.query_one("#said", Words).content)
            assert f"{places[2]} cannot be read" in said


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
