"""Files and folders of the user's that cannot be read: said in one line, never passed over."""

import functools
import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from edgemed_models.scale import path_of

from edgemed.cli.main import main
from edgemed.logs.audit import Log
from edgemed.logs.audit_files import default_place
from tests.modes import unreadable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes as on Linux and macOS")

NOTE = "Asthma. Takes aspirin 75 mg daily. No fever."


class Room(NamedTuple):
    """A file or folder of the user's, commands that read it, and what they still print."""

    name: str
    is_folder: bool
    command: str
    prints: str = ""
    code: int = 1
    why: str = ""


ROOMS = [
    Room("config/templates", True, "templates list", "soap"),
    Room("config/templates", True, "templates check", "soap.toml: ok"),
    Room("config/templates", True, "templates show soap"),
    Room(
        "config/templates",
        True,
        f"summarize note.txt --template soap --model {path_of('instruct')}",
    ),
    Room("config/templates/mine.toml", False, "templates list", "soap", 3),
    Room("config/templates/mine.toml", False, "templates show mine", "", 2),
    Room("config/lists", True, "check-draft note.txt note.txt"),
    Room("config/lists/drugs.txt", False, "check-draft note.txt note.txt"),
    Room("data/models", True, "models list"),
    Room("data/models/library.json", False, "models list"),
    Room("data/models/library.json", False, "doctor"),
    Room("data/tasks", True, f"eval {path_of('instruct')} --task pubmedqa"),
    Room("data/audit.sqlite", False, "audit verify", why="unable to open database file"),
    Room("data/audit.sqlite", False, "audit export", why="unable to open database file"),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for kind in ("config", "data"):
        monkeypatch.setenv(f"XDG_{kind.upper()}_HOME", str(tmp_path / kind))
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "edgemed").mkdir()
    (tmp_path / "note.txt").write_text(NOTE)
    forget_lists()
    return tmp_path


def forget_lists() -> None:
    """What tests before this one read of the lists, and made of it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("edgemed.clinic"):
            for thing in vars(module).values():
                if isinstance(thing, functools._lru_cache_wrapper):
                    thing.cache_clear()


def place(home: Path, room: Room) -> Path:
    kind, _, name = room.name.partition("/")
    return home / kind / "edgemed" / name


def ends_in_words(room: Room, path: Path, why: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(room.command.split()) == room.code
    out, err = capfd.readouterr()
    assert "internal error" not in err and room.prints in out
    assert path.name in err and (room.why or why) in err


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: f"{room.name}: {room.command[:20]}")
def test_what_may_not_be_read_is_said(
    room: Room, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = place(home, room)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if room.is_folder else path.write_text("{}")
    with unreadable(path):
        ends_in_words(room, path, os.strerror(13), capfd)


@pytest.mark.parametrize(
    "room", [r for r in ROOMS if r.is_folder], ids=lambda room: f"{room.name}: {room.command[:20]}"
)
def test_a_file_where_a_folder_is_needed_is_said(
    room: Room, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = place(home, room)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file")
    ends_in_words(room, path, os.strerror(20), capfd)


@pytest.mark.parametrize("what", ["key", "seal"])
def test_a_part_of_the_log_that_may_not_be_read_is_said(
    what: str, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = default_place()
    Log(place).add("sign", "Dr A", "2026-01-01T00:00:00+00:00", {})
    with unreadable(getattr(place, what)):
        assert main(["audit", "verify"]) == 1
        said = capfd.readouterr().err
        assert f"the audit log's {what} cannot be read or written: Permission denied" in said
        assert str(place.key.parent) in said
