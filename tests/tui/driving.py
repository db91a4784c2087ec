"""How tests drive the screen: keys, and waiting for what a key has begun."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from edgemed_models.fake import ScriptedModel
from edgemed_tui.app import EdgemedApp
from edgemed_tui.literal import Words
from edgemed_tui.screens.session import SessionScreen
from edgemed_tui.widgets.review_pane import ReviewPane
from edgemed_tui.widgets.status import Notice, StatusLine
from textual.pilot import Pilot

from edgemed.clinic.case.session import Stage, stage
from edgemed.logs import audit
from tests.tui.scripted import app

KEYS = {" ": "space", ".": "full_stop", "/": "slash", "-": "minus"}


def case_of(pilot: Pilot[None]) -> SessionScreen:
    """The session screen, wherever it lies in the stack."""
    return next(s for s in pilot.app.screen_stack if isinstance(s, SessionScreen))


def panes_of(pilot: Pilot[None]) -> ReviewPane:
    """Its three panes."""
    return case_of(pilot).query_one(ReviewPane)


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys; characters by themselves."""
    for key in keys:
        await pilot.press(KEYS.get(key, key))
    await pilot.pause()


async def until(pilot: Pilot[None], wanted: Stage) -> None:
    """Wait until the session has come to `wanted`, a minute at most: a busy machine takes seconds
    for a single pause."""
    end = time.monotonic() + 60.0
    while time.monotonic() < end:
        if stage(case_of(pilot).session) == wanted and not case_of(pilot).streaming:
            await pilot.pause()
            return
        await pilot.pause(0.02)
    at = stage(case_of(pilot).session)
    raise AssertionError(f"at {at!r} under {pilot.app.screen}, and never came to {wanted!r}")


@asynccontextmanager
async def started(app: EdgemedApp, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    """The app, running, its model loaded."""
    async with app.run_test(size=size) as pilot:
        for _ in range(500):
            if case_of(pilot).model_thread.model is not None:
                break
            await pilot.pause(0.02)
        await pilot.pause()
        yield pilot


@asynccontextmanager
async def drafted(
    folder: Path,
    model: ScriptedModel | None = None,
    *,
    demonstration: bool = False,
    size: tuple[int, int] = (120, 40),
) -> AsyncIterator[Pilot[None]]:
    """The app with a draft that has been checked."""
    made = app(model, demonstration=demonstration, folder=folder)
    async with started(made, size) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        yield pilot


async def shown(pilot: Pilot[None], name: str, wanted: Callable[[str], bool]) -> str:
    """Wait until the words called `name` are as wanted."""
    words = ""
    for _ in range(1500):
        found = pilot.app.screen.query(f"#{name}").results(Words)
        words = "".join(str(one.content) for one in found)
        if wanted(words):
            await pilot.pause()
            return words
        await pilot.pause(0.02)
    raise AssertionError(f"never as wanted: {words}")


def place(folder: Path) -> audit.LogFiles:
    """The audit log of a test's folder."""
    return audit.LogFiles(folder / "audit.sqlite", folder / "audit.key", folder / "audit.seal")


def status_of(pilot: object) -> str:
    """The two lines around the session, as text."""
    screen = pilot.app.screen  # type: ignore[attr-defined]
    return f"{screen.query_one(Notice).content} {screen.query_one(StatusLine).content}"
