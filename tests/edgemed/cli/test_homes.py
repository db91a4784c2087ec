"""Homes in which nothing can be kept: /dev/null, and folders where our files are to stand."""

import os
import sys
from pathlib import Path

import pytest
from edgemed_models.scale import path_of
from edgemed_tui import settings

from edgemed.cli.main import main
from edgemed.errors import InvalidFile

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="homes as on Linux and macOS")

NAMES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
OURS = (
    "models/library.json",
    "models",
    "records.sqlite",
    "records.key",
    "audit.sqlite",
    "audit.key",
    "audit.seal",
    "screen.toml",
    "tuning.json",
    "unfinished-merge.json",
    "templates",
)
COMMANDS = (
    "models list",
    f"models add {path_of('clinical')} --link",
    "models default x",
    "audit verify",
    "audit export",
    "audit seal --to .",
    "templates list",
    "doctor --json",
    "check-draft note.txt note.txt",
)


def every_command_ends_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    Path("note.txt").write_text("A note of five words, invented for this test alone.")
    for command in COMMANDS:
        assert main(command.split()) in (0, 1, 2, 3), command
        assert "internal error" not in capsys.readouterr().err, command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_home_of_a_user_who_has_none(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, os.devnull)
    every_command_ends_in_words(capsys)
    assert settings.load(settings.settings_file()) == settings.Settings()


@pytest.mark.parametrize("ours", OURS)
def test_folders_where_our_files_are_to_stand(
    ours: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, str(here / name))
        (here / name / "edgemed" / ours).mkdir(parents=True)
    every_command_ends_in_words(capsys)
    if ours == "screen.toml":
        with pytest.raises(InvalidFile, match="cannot be read"):
            settings.load(settings.settings_file())
