"""The line mode loses its terminal, or the machine shuts down: what saving keeps is kept."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgemed.clinic.case import sessions
from tests.tui.scripted import DRAFT, NOTE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGHUP is POSIX")

PASSPHRASE = "four words of mine"
LINES = """
import os, signal, sys
from pathlib import Path
from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui.plain import asking
from edgemed_tui.plain.line import LineMode
from tests.tui.scripted import DRAFT, NOTE, services, pieces

number, when, folder = getattr(signal, sys.argv[1]), sys.argv[2], Path(sys.argv[3])

def asks(prompt):
    word = next(typed, None)
    if word is None:
        os.kill(os.getpid(), number)  # while nothing is done but waiting
        signal.pause()
    return word

class Model(ScriptedModel):
    def generate(self, request):
        for place, event in enumerate(super().generate(request)):
            if when == "drafting again" and len(self.requests) > 1 and place == 8:
                os.kill(os.getpid(), number)
            yield event

def decide(line, step, decided=asking.decide):
    def hit():
        step()
        if when == "signing":
            os.kill(os.getpid(), number)
    decided(line, hit)

asking.decide = decide

words = ["note " + str(folder / "note.txt"), "template soap", "draft"]
words += [] if when == "never saved" else ["save", "edit 1 MINE"]
signing = ["sign", "seen", "Dr A", "yes"]
words += {"drafting again": ["draft", "yes"], "signing": signing}.get(when, [])
typed = iter(words)
model = Model(pieces(DRAFT))
plain.LineMode = lambda own, **more: LineMode(
    own, ask=asks, secret=lambda prompt: "four words of mine", **more
)
sys.exit(plain.run(services(model, folder=folder)))
"""


def lost(folder: Path, when: str, name: str = "SIGHUP") -> list[Path]:
    """The sessions that are kept when the terminal is lost at that moment."""
    (folder / "note.txt").write_text(NOTE, encoding="utf-8")
    command = [sys.executable, "-c", LINES, name, when, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 129, done.stderr
    assert "Traceback" not in done.stderr
    return sorted((folder / "sessions").glob("*")) if (folder / "sessions").exists() else []


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_what_was_saved_once_is_kept_with_what_came_after(tmp_path: Path, name: str) -> None:
    (kept,) = lost(tmp_path, "waiting", name)
    assert sessions.load(kept, PASSPHRASE)[0].text.startswith("MINE\n")


def test_a_draft_that_is_not_complete_is_not_taken_for_one(tmp_path: Path) -> None:
    (kept,) = lost(tmp_path, "drafting again")
    assert sessions.load(kept, PASSPHRASE)[0].text.startswith("MINE\n")


def test_a_signature_is_logged_and_kept_or_neither(tmp_path: Path) -> None:
    (kept,) = lost(tmp_path, "signing")
    signature = sessions.load(kept, PASSPHRASE)[0].signature
    assert signature is not None and signature.by == "Dr A"


def test_clinical_text_goes_to_the_disk_only_when_the_user_has_saved(tmp_path: Path) -> None:
    assert lost(tmp_path, "never saved") == []
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "note.txt"]
    assert not any(DRAFT.splitlines()[0].encode() in path.read_bytes() for path in left)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    from edgemed_tui.hangup_posix import watched

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with watched(lambda: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert callable(signal.getsignal(signal.SIGTERM))
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_only_a_stop_that_was_prepared_begins_to_read_keys_again() -> None:
    from edgemed_tui.hangup_posix import continue_once

    done: list[str] = []
    numbers = signal.SIGTSTP, signal.SIGCONT
    before = [signal.getsignal(number) for number in numbers]
    try:
        signal.signal(signal.SIGTSTP, lambda number, frame: done.append("prepared"))
        signal.signal(signal.SIGCONT, lambda number, frame: done.append("reads keys"))
        continue_once(lambda: done.append("drawn"))
        for number in (signal.SIGCONT, signal.SIGTSTP, signal.SIGCONT, signal.SIGCONT):
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.01)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    assert done == ["drawn", "prepared", "reads keys", "drawn"]
