"""Commands in tests: in this process with a scripted model, or whole ones with a small real one."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

import pytest
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.fake import ScriptedModel

from edgemed.local_models.loading import Planned

NOTE = (
    "CHIEF COMPLAINT: Chest pain.\nHPI: 64 year old man. Aspirin 81 mg daily. Denies fever.\n"
    "Allergies: penicillin\n"
)
TEMPLATE = "{% for m in messages %}{{ m.content }}\n{% endfor %}"


class Run(Protocol):
    """Runs `edgemed` with a small real model as its default."""

    def __call__(
        self, arguments: Sequence[str], input: bytes = b"", before: Sequence[str] = ()
    ) -> "subprocess.CompletedProcess[str]": ...


def scripted(
    monkeypatch: pytest.MonkeyPatch, model: ScriptedModel, command: str = "clinic.summarize"
) -> None:
    """Let a command use `model`; planning and loading are passed over."""
    settings = EngineSettings(__file__, context=4096, threads=1)
    monkeypatch.setattr(ScriptedModel, "settings", settings, raising=False)
    module = f"edgemed.cli.{command}"
    monkeypatch.setattr(f"{module}.find_model", lambda name: find(name))
    monkeypatch.setattr(f"{module}.plan_request", lambda *arguments: Planned(None, None))
    monkeypatch.setattr(f"{module}.settings_for", lambda *arguments: settings)
    monkeypatch.setattr(f"{module}.start", lambda settings, process: model)
    monkeypatch.setattr(f"{module}.started_ahead", nullcontext)


def find(name: str | None) -> Path:
    """Any file: a scripted model reads none."""
    return Path(__file__)


def runner(model: Path, folder: Path) -> Run:
    """A `Run` whose user folders, model and chat template stand in `folder`."""
    template = folder / "chat.jinja"
    template.write_text(TEMPLATE)
    names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "TMPDIR")
    places = {name: str(folder / name.lower()) for name in names}
    for place in places.values():
        Path(place).mkdir(exist_ok=True)
    options = ["--model", str(model), "--chat-template", str(template), "--threads", "1"]

    def run(
        arguments: Sequence[str], input: bytes = b"", before: Sequence[str] = ()
    ) -> "subprocess.CompletedProcess[str]":
        command = [*before, sys.executable, "-m", "edgemed.cli.main", *arguments]
        if arguments[0] in ("summarize", "chat"):
            command += options
        done = subprocess.run(
            command, input=input, capture_output=True, env=os.environ | places, cwd=folder
        )
        return subprocess.CompletedProcess(
            command, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run
