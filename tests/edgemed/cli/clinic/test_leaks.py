"""Nothing of a note is written but where the user asked: errors, logs, records, files, network.

A marked note goes through the commands that read notes, each step fails in turn, and the mark is
looked for in everything written. The draft itself, on stdout, is the user's.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from edgemed_models.fake import ScriptedModel

from edgemed.cli.main import main
from tests.edgemed.commands import Run, scripted

MARK = "Zyxwvut-7731"
NOTE = f"Patient {MARK} has chest pain. Aspirin 81 mg daily. Denies fever. Allergy: {MARK}oil.\n"

# Every function on the way from note to record, by the name it has in the command.
STEPS = [
    "read_note",
    "refuse_unusable",
    "load_template",
    "find_model",
    "tell_about",
    "prompt_of",
    "plan_request",
    "settings_for",
    "start",
    "log_for",
    "budget",
    "request_of",
    "write",
    "follow",
    "recorded",
    "started_ahead",
    "plan_for",
    "finish",
    "draft",
    "how_much",
]
# Those that run when the draft is there, in a module of their own.
ENDING = ["check", "readable", "close_text", "tell_flags", "timing_line"]


# The same of the other commands that are given a note's text.
OTHER_STEPS = {
    "chat": "parse find_model options_of plan_request settings_for start started_ahead shown "
    "follow explain_if_asked close_text timing_line",
    "check_draft": "read_note read_draft decode review report fails one_line",
}


def written(folder: Path) -> list[Path]:
    """Files under `folder` that hold the mark, or have it in their names."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [p for p in files if MARK in p.name or MARK.encode() in p.read_bytes()]


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """A note whose text and file name carry the mark."""
    folder = tmp_path / "notes"
    folder.mkdir()
    path = folder / f"{MARK}.txt"
    path.write_text(NOTE)
    return path


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("step", STEPS + ENDING)
def test_a_step_that_fails_with_the_note_in_its_error_does_not_print_it(
    step: str,
    debug: bool,
    note: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    scripted(monkeypatch, ScriptedModel(["Plan: rest."]))

    def fail(*arguments: object, **named: object) -> None:
        raise RuntimeError(f"cannot handle {NOTE} from {note}")

    module = "summary_end" if step in ENDING else "summarize"
    monkeypatch.setattr(f"edgemed.cli.clinic.{module}.{step}", fail)
    arguments = ["summarize", str(note), "--template", "soap"]
    assert main(["--debug", *arguments] if debug else arguments) == 1
    out, err = capfd.readouterr()
    assert "internal error: RuntimeError" in err
    assert MARK not in out + err
    assert written(Path(os.environ["XDG_DATA_HOME"]).parent) == []


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "command, step", [(c, s) for c, steps in OTHER_STEPS.items() for s in steps.split()]
)
def test_the_other_commands_do_not_print_it_either(
    command: str,
    step: str,
    debug: bool,
    note: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if command == "chat":
        scripted(monkeypatch, ScriptedModel(["Rest."]), f"clinic.{command}")
    note.with_name(f"{MARK}-draft.txt").write_text(f"Patient {MARK} takes warfarin.\n")

    def fail(*arguments: object, **named: object) -> None:
        raise RuntimeError(f"cannot handle {NOTE} from {note}")

    monkeypatch.setattr(f"edgemed.cli.clinic.{command}.{step}", fail)
    texts = [NOTE] if command == "chat" else [str(note), str(note.with_name(f"{MARK}-draft.txt"))]
    options = ["--debug"] if debug else []
    assert main([*options, command.replace("_", "-"), *texts]) == 1
    captured = capfd.readouterr()
    assert "internal error: RuntimeError" in captured.err and MARK not in captured.err
    assert written(Path(os.environ["XDG_DATA_HOME"]).parent) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--template", "soap", "--max-tokens", "20"],
        ["--template", "soap", "--max-tokens", "20", "--explain"],
        ["--template", "medication-list", "--json"],
        ["--template", "no-such-template"],
        ["--template", "soap", "--context", "300"],
        ["--template", "soap", "--model", "/no/such/model.gguf"],
        ["--template", "soap", "--chat-template", "/no/such/file"],
        ["--template", "soap", "--gpu-layers", "-7", "--max-tokens", "3"],
        ["--template", "soap", "--gpu-layers", "7", "--max-tokens", "3"],
    ],
)
def test_a_whole_command_that_works_or_is_refused_writes_no_patient_text(
    arguments: list[str], run: Run, note: Path, tmp_path: Path
) -> None:
    done = run(["summarize", str(note), *arguments])
    assert done.returncode in (0, 1, 2, 3)
    assert MARK not in done.stderr and "Traceback" not in done.stderr
    assert written(tmp_path / "place") == []


@pytest.mark.parametrize("options", [[], ["--debug"]])
def test_a_draft_that_is_not_there_is_refused_without_its_name(
    options: list[str], note: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*options, "check-draft", str(note), str(note.with_name(f"{MARK}.no"))]) == 1
    assert MARK not in "".join(capfd.readouterr())


def test_chat_writes_no_patient_text(run: Run, tmp_path: Path) -> None:
    done = run(["chat", NOTE, "--max-tokens", "10"])
    assert MARK not in done.stderr
    assert written(tmp_path / "place") == []


@pytest.mark.parametrize("broken", [NOTE.encode() + b"\x81", b"%PDF-" + NOTE.encode(), b""])
def test_a_note_that_cannot_be_read_is_refused_without_its_text_or_name(
    broken: bytes, run: Run, note: Path
) -> None:
    note.write_bytes(broken)
    done = run(["summarize", str(note), "--template", "soap"])
    assert done.returncode == 3 and MARK not in done.stdout + done.stderr


def test_a_missing_note_is_refused_without_its_name(run: Run, note: Path) -> None:
    note.unlink()
    done = run(["summarize", str(note), "--template", "soap"])
    assert done.returncode == 3 and MARK not in done.stdout + done.stderr


def test_only_keep_writes_the_note_and_only_beside_the_log(
    run: Run, note: Path, tmp_path: Path
) -> None:
    run(["summarize", str(note), "--template", "soap", "--max-tokens", "5", "--keep"])
    assert [path.name for path in written(tmp_path / "place")] == ["audit.sqlite"]


KILLED = """
import os, signal, sys, threading, time
from edgemed.cli.main import main
from edgemed_models.engine import client
begin = client.LlamaModel.generate
def kill_soon(self, request):
    for event in begin(self, request):
        yield event
        if type(event).__name__ == "Piece":
            os.kill(self.pid, int(os.environ["FATAL"]))
client.LlamaModel.generate = kill_soon
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("fatal", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_a_worker_that_dies_leaves_no_patient_text_behind(
    fatal: signal.Signals, data: Path, note: Path, tmp_path: Path
) -> None:
    model = data / "models" / "stories260k" / "stories260K.gguf"
    template = tmp_path / "chat.jinja"
    template.write_text("{% for m in messages %}{{ m.content }}\n{% endfor %}")
    arguments = ["summarize", str(note), "--template", "soap", "--model", str(model)]
    options = ["--chat-template", str(template), "--threads", "1"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments, *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"FATAL": str(int(fatal)), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 1 and fatal.name in done.stderr
    assert MARK not in done.stderr
    note.unlink()
    assert written(tmp_path) == []


def unshare_works() -> bool:
    """Whether this system lets a user make a network namespace."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not unshare_works(), reason="unshare -rn is not possible here")
def test_a_whole_command_runs_where_there_is_no_network(run: Run, note: Path) -> None:
    arguments = ["summarize", str(note), "--template", "soap", "--max-tokens", "5"]
    done = run(arguments, before=["unshare", "-rn"])
    assert done.returncode == 1 and "DRAFT CUT" in done.stdout
