"""From a pasted note to a signed letter in a real terminal, as a clinician would type it.

    python -m tests.bench.letter [SIZE ...]        default: 80x24 120x40

Twenty steps in tmux, 15 keys a second, with a scripted model that writes 20 words a second. Every
step waits for what it should bring to the screen; prints its seconds, and fails where it never
comes. Also checks what is left on the disk: two signed texts and their log.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edgemed_models.fake import ScriptedModel

from edgemed.clinic.case import sessions
from edgemed.logs import audit
from tests.tui.scripted import DRAFT, NOTE, app, pieces
from tests.tui.terminal import Terminal

PACE = 1 / 15  # seconds a key
PASSPHRASE = "four words of mine"
Step = tuple[str, Callable[[], None], str]


class Typist:
    """Types into a terminal at a steady pace."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def press(self, *keys: str) -> None:
        """Keys by their tmux names."""
        for key in keys:
            self.terminal.tmux("send-keys", key)
            time.sleep(PACE)

    def type(self, text: str, *keys: str) -> None:
        """Letters, then keys."""
        for letter in text:
            self.terminal.tmux("send-keys", "-l", letter)
            time.sleep(PACE)
        self.press(*keys)

    def paste(self, text: str) -> None:
        """A bracketed paste."""
        command = ["tmux", "-L", self.terminal.socket, "load-buffer", "-"]
        subprocess.run(command, input=text.encode(), check=True)
        self.terminal.tmux("paste-buffer", "-p")


def steps(by: Typist, folder: Path) -> list[Step]:
    """Each step: what is done, how, and the words that then stand on the screen."""
    letter, more = folder / "letter.txt", folder / "addendum.txt"
    press, typed = by.press, by.type
    return [
        ("leave the welcome", lambda: press("Escape"), "Start with a note"),
        ("choose to paste", lambda: press("2"), "ctrl+g uses it"),
        ("paste the note", lambda: by.paste(NOTE), "Follow-up:"),
        ("use it", lambda: press("C-g"), "Choose a template"),
        ("take the letter", lambda: press("3"), "Draft: Referral letter"),
        ("let the model write", lambda: press("C-g"), "Look at findings 1, 2, 3 first"),
        ("go to the first finding", lambda: press("n"), "the note says otherwise"),
        ("ask to dismiss it", lambda: press("d"), "Dismiss this finding"),
        ("type why", lambda: typed("seen on the film", "Enter"), "dismissed"),
        ("correct the text", lambda: typed("neSeen today. ", "Escape"), "Seen today."),
        ("see what was changed", lambda: press("v"), "and the open text (+)"),
        ("go back", lambda: press("Escape"), "Sign"),
        ("sign it", lambda: press("s"), "You sign that you have read"),
        ("type name and reason", lambda: typed("Dr Example", "Enter"), "Type a reason"),
        ("type the reason", lambda: typed("all seen", "Enter"), "Sign as Dr Example"),
        ("say yes", lambda: press("Down", "Enter"), "● signed"),
        ("export it", lambda: typed("x", "C-u") or typed(str(letter), "Enter"), "exported to"),
        ("add to it", lambda: typed("aPotassium was repeated.", "Escape"), "Document 2 of 2"),
        (
            "sign and export the addendum",
            lambda: sign_addendum(by, more),
            "exported to",
        ),
        (
            "save and close",
            lambda: typed("", "C-s") or (by.terminal.shows("the same again") and finish(by)),
            "ended 0",
        ),
    ]


def sign_addendum(by: Typist, path: Path) -> None:
    """The shorter way of a text with nothing open."""
    by.terminal.shows("No findings; that does not")
    by.press("s")
    by.terminal.shows("You sign that you have read")
    by.press("Enter")  # the name of this sitting is there
    by.terminal.shows("Sign as Dr Example")
    by.press("Down", "Enter")
    by.terminal.shows("Signed by Dr Example")
    by.press("x")
    by.terminal.shows("The ending chooses")
    by.press("C-u")
    by.type(str(path), "Enter")


def finish(by: Typist) -> None:
    """The passphrase twice, then the end."""
    by.type(PASSPHRASE, "Enter")
    by.type(PASSPHRASE, "Enter")
    by.terminal.shows("saved, encrypted")
    by.press("C-q")


def run(size: str) -> float:
    """All steps in a terminal of `size`; the seconds they took."""
    columns, rows = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "tests.bench.letter", "child", name]
        terminal = Terminal(command, folder, (columns, rows))
        begin = time.perf_counter()
        try:
            terminal.shows("Welcome to edgemed")
            for number, (what, act, wanted) in enumerate(steps(Typist(terminal), folder), 1):
                start = time.perf_counter()
                act()
                terminal.shows(wanted)
                print(f"{size}  {number:2}  {what:30} {time.perf_counter() - start:5.1f} s")
        finally:
            terminal.close()
        held(folder)
        return time.perf_counter() - begin


def held(folder: Path) -> None:
    """Both texts are signed and on the disk, and the log holds."""
    letter = (folder / "letter.txt").read_text(encoding="utf-8")
    assert "Seen today." in letter and "Signed by Dr Example" in letter
    assert (folder / "addendum.txt").read_text(encoding="utf-8").startswith("Addendum to")
    (saved,) = (folder / "sessions").glob(f"*{sessions.ENDING}")
    documents = sessions.load(saved, PASSPHRASE)[0].documents
    assert [d.signature is not None for d in documents] == [True, True]
    place = audit.LogFiles(folder / "audit.sqlite", folder / "audit.key", folder / "audit.seal")
    assert audit.verify(place).faults == ()
    rows = [row.what for row in audit.read(place)]
    assert rows == ["draft", "dismiss", "sign", "export", "sign", "export"], json.dumps(rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        app(ScriptedModel(pieces(DRAFT), delay=0.05), folder=Path(sys.argv[2]), note=None).run()
    else:
        for wanted_size in sys.argv[1:] or ["80x24", "120x40"]:
            print(f"{wanted_size}  from welcome to the end: {run(wanted_size):.0f} s")
