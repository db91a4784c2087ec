"""`edgemed chat`: where its text comes from, so that none need stand on the command line."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from edgemed_models.fake import ScriptedModel

from edgemed.cli.main import main
from tests.edgemed.commands import scripted

posix = pytest.mark.skipif(sys.platform != "linux", reason="how long a line is, as on Linux")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    model = ScriptedModel(["Rest."])
    scripted(monkeypatch, model, "clinic.chat")
    return model


def piped(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))


@pytest.mark.parametrize("words", [[], ["-"]])
def test_without_a_text_it_is_read_from_standard_input(
    words: list[str], model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, b"What is\n\nrest?\n")
    assert main(["chat", *words]) == 0
    assert [m.content for m in model.requests[-1].messages] == ["What is\n\nrest?\n"]


def test_rules_come_from_a_file_as_well(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rules.txt").write_text("Be brief.")
    piped(monkeypatch, b"What is rest?")
    assert main(["chat", "--system-file", str(tmp_path / "rules.txt")]) == 0
    asked = [(m.role, m.content) for m in model.requests[-1].messages]
    assert asked == [("system", "Be brief."), ("user", "What is rest?")]
    assert main(["chat", "--system-file", str(tmp_path / "none.txt")]) == 1


def test_nothing_asked_is_refused(model: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b" \n")
    assert main(["chat"]) == 3


@contextmanager
def typed(text: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard input is a terminal on which `text` was typed, and Ctrl-D."""
    keyboard, terminal = os.openpty()
    with os.fdopen(keyboard, "wb", 0) as keys, os.fdopen(terminal) as stdin:
        keys.write(text + b"\x04")
        monkeypatch.setattr(sys, "stdin", stdin)
        yield


@posix
def test_on_a_terminal_it_says_how_to_end_and_keeps_empty_lines(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with typed(b"What is\n\nrest?\n", monkeypatch):
        assert main(["chat"]) == 0
    assert [m.content for m in model.requests[-1].messages] == ["What is\n\nrest?\n"]
    assert "Ctrl-D" in capsys.readouterr().err


@posix
def test_a_line_that_the_terminal_may_have_cut_is_refused(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with typed(b"x" * 4094 + b"\n", monkeypatch):
        assert main(["chat"]) == 0
    with typed(b"x" * 5000 + b"\n", monkeypatch):
        assert main(["chat"]) == 3
    assert "may have been cut" in capsys.readouterr().err


def test_the_help_says_who_can_see_what_stands_on_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["chat", "--help"])
    assert "can be seen by other users" in " ".join(capsys.readouterr().out.split())
