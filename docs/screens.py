"""Makes the pictures of the screens: `python -m docs pictures`.

One session is driven by keys in three sizes of terminal, and every screen is drawn in two themes.
The note in `docs/pictures` is invented; the draft is a fixed text with two mistakes, so that the
real checks have something to find; the machine in the first window is invented too. Nothing else is
staged.
"""

import asyncio
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from edgemed_models.fake import ScriptedModel
from edgemed_models.scale import path_of
from edgemed_tui.app import EdgemedApp
from edgemed_tui.literal import Words
from edgemed_tui.screens.report import ReportScreen
from edgemed_tui.screens.session import SessionScreen
from edgemed_tui.services import ModelChoice, Services
from textual.pilot import Pilot
from textual.widgets import Input

from docs.gallery import SCREENS, SIZES, THEMES, file_of
from docs.terminal_svg import svg
from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions
from edgemed.local_models import adding, library
from edgemed.local_models.demonstration import PARENTS
from edgemed.logs.audit import LogFiles
from edgemed.machine.check import Check
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.report.survey import TensorFigures, survey
from edgemed.merging.run.run import run_plan

PICTURES = Path(__file__).parent / "pictures"
FOLDER = PICTURES / "screens"
DRAFT = """Reason for admission
Three days of worsening breathlessness and swelling of both legs.

Hospital course
Treated with intravenous furosemide 80 mg twice daily for four days; weight fell from 82 to 76 kg. \
Potassium came down to 4.6 after spironolactone was stopped. \
No pneumonia on the chest film; small effusion on the right.

Medications at discharge
- Furosemide 80 mg by mouth once daily
- Bisoprolol 2.5 mg by mouth once daily
- Apixaban 5 mg by mouth twice daily

Follow-up
Potassium and creatinine in one week with the family doctor.
"""
PASSPHRASE = "four words of mine"
CHECKS = (
    Check("memory", "ok", "7.6 GiB"),
    Check("processor", "ok", "4 cores"),
    Check("disk", "warning", "2 GiB free", "free some space"),
)
Reported = tuple[str, list[TensorFigures]]
WORDS = {" ": "space", ".": "full_stop", "-": "minus", "/": "slash"}


def services(home: Path) -> Services:
    """Services with the scripted model, and files below `home`."""
    model = ScriptedModel(re.findall(r"\s*\S+|\s+$", DRAFT))
    place = LogFiles(home / "log", home / "key", home / "seal")
    choice = ModelChoice("scripted", "writes a given draft")
    return Services(
        models=lambda: [choice],
        open_model=lambda _: model,
        place=place,
        settings=home / "screen.toml",
        sessions=home / "sessions",
        notes=home / "notes",
        doctor=lambda: CHECKS,
        sample=(PICTURES / "note.txt").read_text("utf-8"),
        clock=lambda: "2026-10-02T10:15:00+00:00",
    )


@asynccontextmanager
async def at_home() -> AsyncIterator[Path]:
    """A home folder with some notes, saved sessions and models, the same each time."""
    home = Path(tempfile.gettempdir()) / "edgemed"
    if home.exists():
        raise SystemExit(f"{home} is there: wait for the run that uses it, or remove it")
    notes = home / "notes"
    for name in ("Clinic", "Ward 3"):
        (notes / name).mkdir(parents=True)
    text = (PICTURES / "note.txt").read_text("utf-8")
    for age, name in enumerate(("discharge note.txt", "visit 12.txt", "telephone call.md")):
        (notes / name).write_text(text, "utf-8")
        os.utime(notes / name, (1_790_000_000 - 90_000 * age,) * 2)
    lock = sessions.make_lock(PASSPHRASE)
    sessions.save_new(home / "sessions", "2026-10-02T09:30:00", steps.opened(text), lock)
    before = dict(os.environ)
    os.environ.update({"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)})
    here = Path.cwd()
    os.chdir(notes)
    try:
        for name in PARENTS:
            adding.add(path_of(name), name, False, lambda nbytes: None)
        yield home
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(home, ignore_errors=True)


async def until(pilot: Pilot[None], wanted: Callable[[], bool]) -> None:
    """Wait for something, a minute at most."""
    end = time.monotonic() + 60
    while not wanted():
        if time.monotonic() > end:
            raise TimeoutError("the screen never came to what was waited for")
        await pilot.pause(0.05)


async def ready(pilot: Pilot[None]) -> None:
    """Wait until nothing is written, checked or read any more."""
    screen = next(s for s in pilot.app.screen_stack if isinstance(s, SessionScreen))
    busy = ("checking", "reading")
    await until(pilot, lambda: screen.model_thread.model is not None)
    await until(pilot, lambda: not screen.streaming and not screen.case.unchecked)
    found = pilot.app.screen.query
    await until(pilot, lambda: not any(str(w.content).startswith(busy) for w in found(Words)))
    screen.status.tell(speed="", memory="")
    await pilot.pause()


async def arrive(pilot: Pilot[None], name: str, keys: tuple[str, ...], report: Reported) -> None:
    """Press the keys, and do what would take too long to type."""
    for key in keys:
        await pilot.press(WORDS.get(key, key))
        if key in ("ctrl+g", "escape"):
            await ready(pilot)
    if name == "merge":
        entries = library.read_library().entries
        for field, entry in zip(("a", "b"), entries, strict=True):
            line = pilot.app.screen.query_one(f"#{field}", Input)
            line.value, line.cursor_position = entry.path, len(entry.path)
        await pilot.press("enter")
    if name == "report":
        pilot.app.push_screen(ReportScreen(*report))
    if name == "locked":
        pilot.app.action_lock()  # type: ignore[attr-defined]
    await pilot.pause(0.3)
    await ready(pilot)


def reported(home: Path) -> Reported:
    """A merge of the embedded models, and what it kept."""
    a, b = map(path_of, PARENTS)
    plan = plan_merge(between(a, b, 0.5, "slerp"), home / "merged.gguf", 2)
    run_plan(plan)
    return plan.out.name, survey(plan, finished=True)


async def make(
    size: tuple[int, int], theme: str, folder: Path, home: Path, report: Reported
) -> None:
    """Every screen in one size and theme."""
    for name in ("log", "key", "seal", "screen.toml"):
        (home / name).unlink(missing_ok=True)
    app = EdgemedApp(services(home))
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        await pilot.pause(0.5)
        for name, _, keys in SCREENS:
            await arrive(pilot, name, keys, report)
            (folder / file_of(name, size, theme)).write_text(drawn(app, size), "utf-8")
    print(f"{size[0]}x{size[1]} {theme}: {len(SCREENS)} screens", flush=True)


def drawn(app: EdgemedApp, size: tuple[int, int]) -> str:
    """What the terminal shows."""
    colours = app.theme_variables
    strips = app.screen._compositor.render_strips()
    return svg(strips, size, colours["foreground"], colours["background"])


async def make_all(folder: Path = FOLDER) -> None:
    """All pictures; they replace the old ones once all are made."""
    with tempfile.TemporaryDirectory() as made:
        async with at_home() as home:
            report = reported(home)
            for size in SIZES:
                for theme in THEMES:
                    await make(size, theme, Path(made), home, report)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.svg"):
            old.unlink()
        for new in Path(made).glob("*.svg"):
            shutil.copy(new, folder)


def pictures() -> int:
    """Make them all."""
    asyncio.run(make_all())
    return 0
