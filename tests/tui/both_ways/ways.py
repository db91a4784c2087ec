"""The two ways to work on a case, screen and line mode, behind one set of verbs: for one suite.

Every verb waits until it is done. `lose` is the answer where losing unsaved work is asked.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.fake import ScriptedModel
from edgemed_tui.app import EdgemedApp
from edgemed_tui.screens.welcome import WelcomeScreen
from edgemed_tui.services import ModelChoice

from edgemed.clinic.case import sessions
from edgemed.clinic.findings import Review
from edgemed.logs import audit
from tests.tui.both_ways.by_line import ByLine
from tests.tui.both_ways.by_screen import ByScreen
from tests.tui.driving import press, started
from tests.tui.held_log import place
from tests.tui.scripted import DRAFT, NOTE, pieces, services

OTHER = "Another patient, seen today for a cough. No fever. Home with advice.\n"

both_ways = pytest.mark.parametrize("name", ("screen", "line mode"))

AnyWay = ByLine | ByScreen


@asynccontextmanager
async def way(
    name: str,
    folder: Path,
    model: ScriptedModel,
    review: Callable[[str, str], Review] | None = None,
    *,
    demonstration: bool = False,
    note: str | None = NOTE,
    models: Callable[[], Sequence[ModelChoice]] | None = None,
) -> AsyncIterator[AnyWay]:
    """The screen or the line mode with a note open and a template chosen."""
    own = services(model, demonstration=demonstration, folder=folder)
    own = replace(own, review=review or own.review, models=models or own.models)
    if name == "screen":
        async with started(EdgemedApp(own, note)) as pilot:
            if isinstance(pilot.app.screen, WelcomeScreen):
                await press(pilot, "escape")
            await press(pilot, "ctrl+t", "enter")
            by = ByScreen(folder, model, pilot)
            pilot.app.release = by.copied.append  # type: ignore[attr-defined]
            yield by
        return
    by_line = ByLine(folder, model, own)
    if note is not None:
        await by_line.note(note)
    by_line.type("template soap")
    yield by_line
    by_line.line.close()


def model() -> ScriptedModel:
    return ScriptedModel(pieces(DRAFT))


def logged(folder: Path) -> list[str]:
    assert audit.verify(place(folder)).faults == ()
    return [row.what for row in audit.read(place(folder))]


def saved(folder: Path) -> list[Path]:
    return sorted((folder / "sessions").glob(f"*{sessions.ENDING}"))
