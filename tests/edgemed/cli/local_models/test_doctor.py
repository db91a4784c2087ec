"""`edgemed doctor`: facts of this machine, each warning with its remedy, speed as measured."""

import json
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from edgemed_models.base import Done, Failed, ModelError, Timings
from edgemed_models.engine.probe import Build, Device
from edgemed_models.machine import Memory

from edgemed.cli.main import main
from edgemed.machine import llama, model, system

LINE = "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | FMA = 0 | OPENMP = 1 | "
GIB = 1 << 30


def test_the_whole_machine_is_described_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    checks = {c["name"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    assert {"system", "processor", "llama.cpp", "device", "memory", "disk"} <= set(checks)
    assert all(c["remedy"] for c in checks.values() if c["state"] != "ok")


def test_a_model_is_planned_and_timed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data / "models" / "stories260k" / "stories260K.gguf"
    assert main(["doctor", str(path), "--json"]) == 0
    checks = {c["name"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    assert "needed" in checks["fit"]["found"]
    assert "1,000 note tokens" in checks["speed"]["found"]
    assert "chat template" in checks["chat template"]["remedy"]


def test_what_is_given_up_is_said_and_what_is_not() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgemed.cli.main", "doctor", "--json"], capture_output=True
    )
    checks = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
    assert checks["core dumps"]["state"] == "ok"
    assert checks["internet"]["state"] == ("ok" if sys.platform == "linux" else "warning")
    missing = system.sockets_check("this system has no such filter")
    assert missing.state == "warning" and "no such filter" in missing.found and missing.remedy
    assert system.dumps_check("core dumps are allowed").state == "warning"


def test_the_terminal_is_looked_at_behind_whatever_catches_what_is_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the screen is shown, sys.stdout is a stand-in that claims to be a terminal."""
    made = MagicMock(spec=["isatty", "encoding"])
    made.isatty.return_value, made.encoding = True, "utf-8"
    monkeypatch.setattr(sys, "__stdout__", made)
    monkeypatch.setattr(sys, "stdout", MagicMock(spec=["isatty", "write"]))
    (check,) = system.terminal_checks()
    assert "utf-8" in check.found
    monkeypatch.setattr(sys, "__stdout__", None)
    (check,) = system.terminal_checks()
    assert check.found == "output is not a terminal: nothing to check"


def test_a_file_that_is_no_model_fails_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(40))
    assert main(["doctor", str(broken), "--json"]) == 1
    check = json.loads(capsys.readouterr().out)["checks"][-1]
    assert (check["name"], check["state"]) == ("model", "failure") and check["remedy"]


def test_instruction_sets_are_read_from_llamas_own_line() -> None:
    assert llama.features_of(LINE) == {"SSE3", "AVX", "AVX2", "OPENMP"}


def test_a_build_that_leaves_a_fast_instruction_unused_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(llama, "tiles_crash", lambda: False)
    monkeypatch.setattr(llama.machine, "cpu_features", lambda: frozenset({"avx2", "fma"}))
    (slow,) = llama.build_checks(Build("0", LINE, ()))
    assert slow.state == "warning" and "FMA" in slow.remedy and "AVX2" not in slow.remedy
    monkeypatch.setattr(llama.machine, "cpu_features", lambda: frozenset({"avx2"}))
    right, device = llama.build_checks(Build("0", LINE, (Device("g", "card", "GPU", 1, 2),)))
    assert right.state == "ok" and "GPU: card" in device.found


def test_a_llama_that_cannot_be_loaded_is_a_failure_and_the_rest_is_still_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def die() -> None:
        raise ModelError("llama.cpp was ended by SIGILL while it was loaded", "another build")

    monkeypatch.setattr(system, "describe_build", die)
    assert main(["doctor", "--json"]) == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert any(c["state"] == "failure" and "SIGILL" in c["found"] for c in checks)
    assert any(c["name"] == "disk" for c in checks)


def test_little_memory_is_a_warning_that_names_what_limits_it() -> None:
    check = system.memory_check(Memory(4 * GIB, GIB, 2 * GIB, "the container's limit"))
    assert check.state == "warning" and check.remedy
    assert "container" in check.found and "per process" in check.found


def test_predicted_times_are_those_of_the_measured_tokens() -> None:
    fast = model.speed_of(Done("length", Timings(500, 2.0, 20, 1.0)))
    assert "4.0 s to read 1,000" in fast.found and "5.0 s to write 100" in fast.found
    assert model.speed_of(Done("length", Timings(500, 60.0, 20, 1.0))).state == "warning"
    assert model.speed_of(Failed("broke", "remedy")).state == "failure"
