"""In a real terminal, key by key: note in, streamed draft, evidence, edit, sign, export, audit."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from edgemed_models.scale import path_of
from edgemed_tui import machine

from edgemed.clinic import samples
from edgemed.clinic.note import parse
from edgemed.clinic.summarizing.summarize import budget, prompt_of
from edgemed.clinic.summarizing.template_files import list_templates
from edgemed.local_models.loading import Options, load_model
from edgemed.logs import audit
from edgemed.merging.demo_model import merged_model
from tests.tui.scripted import NOTE
from tests.tui.terminal import Terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def scripted(folder: Path) -> Iterator[Terminal]:
    terminal = Terminal([sys.executable, "-m", "tests.tui.scripted", "0.02", str(folder)], folder)
    yield terminal
    terminal.close()


@pytest.fixture
def real(folder: Path) -> Iterator[Terminal]:
    """The screen as it is sold, but for the test's switch that lets a scale model's draft count."""
    (folder / "note.txt").write_text(samples.note(), encoding="utf-8")
    command = [sys.executable, "-m", "tests.tui.signable", str(folder / "note.txt")]
    terminal = Terminal(command, folder)
    yield terminal
    terminal.close()


def test_a_note_becomes_a_signed_file_in_a_terminal(scripted: Terminal, folder: Path) -> None:
    scripted.shows("DISCHARGE NOTE")
    walk(scripted, folder)
    screen = signed(scripted, folder)
    assert "● signed" in screen
    place = audit.LogFiles(folder / "audit.sqlite", folder / "audit.key", folder / "audit.seal")
    held(place, folder)


def test_the_same_with_a_scale_model_in_the_real_engine(real: Terminal, folder: Path) -> None:
    real.shows("SAMPLE NOTE")
    walk(real, folder, "Sample summary")
    signed(real, folder)
    home = folder / "home" / "edgemed"
    place = audit.LogFiles(home / "audit.sqlite", home / "audit.key", home / "audit.seal")
    held(place, folder, samples.note())


def test_without_the_switch_a_scale_model_is_a_demonstration_under_any_name(
    folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "real-looking.gguf"
    copy.write_bytes(path_of("clinical").read_bytes())
    assert machine.of_file(copy).demonstration
    command = ["-m", "edgemed.cli.main", "tui", str(folder / "note.txt"), "--model", str(copy)]
    terminal = Terminal([sys.executable, *command], folder)
    try:
        terminal.shows("DEMONSTRATION, NOT FOR PATIENTS")
    finally:
        terminal.close()


def test_the_sample_note_fits_the_demonstration_model_with_every_template() -> None:
    model = load_model(merged_model(), Options())
    note = parse(samples.note())
    fitting = {t.name: budget(model, prompt_of(note, t)).fits for t in list_templates()}
    model.close()
    assert all(fitting.values()), fitting


def walk(terminal: Terminal, folder: Path, template: str = "Hand-off") -> None:
    """From the note to an edited draft."""
    terminal.press("C-t")
    terminal.shows("type to search")
    terminal.type(template)
    terminal.press("Enter")
    terminal.shows(template)
    terminal.press("C-g")
    terminal.shows("● checked")
    terminal.press("n", "Enter", "Enter", "e")
    terminal.shows("editing: escape")
    terminal.type("Seen. ")
    terminal.shows("Seen.")
    terminal.press("Escape")
    terminal.shows("n/p Finding")


def signed(terminal: Terminal, folder: Path) -> str:
    """Sign for a reason, export as JSON."""
    terminal.press("s")
    asked = "Why you sign" in terminal.shows("You sign that you have read")
    terminal.type("Dr Example")
    terminal.press("Enter")
    if asked:
        terminal.shows("Type a reason")
        terminal.type("all seen")
        terminal.press("Enter")
    terminal.shows("Sign as Dr Example")
    terminal.press("Down", "Enter")
    terminal.shows("● signed")
    terminal.press("x")
    terminal.shows("The ending chooses")
    terminal.press("C-u")
    terminal.type(str(folder / "out.json"))
    terminal.press("Enter")
    return terminal.shows("exported")


def held(place: audit.LogFiles, folder: Path, note: str = NOTE) -> None:
    """The file is whole, the log holds and names no patient."""
    data = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    assert "Seen. " in data["text"]
    assert data["signature"]["by"] == "Dr Example"
    assert data["source"] == note
    assert audit.verify(place).faults == ()
    assert [row.what for row in audit.read(place)] == ["draft", "sign", "export"]
    assert b"urosemide" not in place.log.read_bytes()
