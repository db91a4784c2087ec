"""Makes the terminal pictures of the pages: `python tui/pictures/make.py`.

The note beside this file is invented; the draft is a script with two mistakes in it, so that the
real checks have something to find. Nothing else is staged.
"""

import asyncio
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgemed_models.fake import ScriptedModel
from edgemed_tui.app import EdgemedApp
from edgemed_tui.desk import Desk, ModelChoice
from edgemed_tui.screens.session import SessionScreen
from textual.pilot import Pilot

from edgemed.clinic.session import stage
from edgemed.logs.audit import Place

HERE = Path(__file__).parent
PICTURES_FOLDER = HERE.parents[1] / "docs" / "pictures"
SIZE = (118, 36)
PACE = 0.03  # seconds between two words
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

# Picture, theme, keys pressed after the draft has been checked.
PICTURES: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("session-dark", "dark", ("n",)),
    ("session-light", "light", ("n",)),
    ("dismiss", "dark", ("n", "d")),
    ("sweep", "dark", ("f4",)),
)


def desk(folder: Path) -> Desk:
    """A desk with the scripted model, and files in `folder`."""
    model = ScriptedModel(re.findall(r"\s*\S+|\s+$", DRAFT), delay=PACE)
    place = Place(folder / "log", folder / "key", folder / "seal")
    choice = ModelChoice("scripted", "writes a given draft")
    return Desk(lambda: [choice], lambda _: model, place, folder / "screen.toml", folder, folder)


async def checked(pilot: Pilot[None]) -> None:
    """Wait until the draft has been written and checked."""
    while True:
        await pilot.pause(0.1)
        screen = pilot.app.screen
        if isinstance(screen, SessionScreen) and stage(screen.session) == "reviewed":
            return


async def make(name: str, theme: str, keys: Sequence[str]) -> None:
    """One picture."""
    with tempfile.TemporaryDirectory() as folder:
        app = EdgemedApp(desk(Path(folder)), (HERE / "note.txt").read_text("utf-8"))
        async with app.run_test(size=SIZE) as pilot:
            app.theme = theme
            await pilot.press("ctrl+t", *"dischargesummary", "enter", "ctrl+g")
            await checked(pilot)
            await pilot.press(*keys)
            await pilot.pause()
            path = PICTURES_FOLDER / f"{name}.svg"
            path.write_text(app.export_screenshot(), encoding="utf-8")


if __name__ == "__main__":
    for row in PICTURES:
        asyncio.run(make(*row))
