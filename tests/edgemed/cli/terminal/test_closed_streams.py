"""Processes begun by a service: standard files closed, no home. Said, and nothing is lost."""

import subprocess
import sys
from pathlib import Path

import pytest

EDGEMED = f"{sys.executable} -m edgemed.cli.main"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_what_is_printed_needs_no_other_standard_file(closed: str) -> None:
    done = shell(f"{EDGEMED} templates list {closed}")
    assert done.returncode == 0
    assert "SOAP" in done.stdout


def test_without_arguments_and_input_there_is_the_help() -> None:
    done = shell(f"{EDGEMED} <&-")
    assert done.returncode == 0
    assert "usage: edgemed" in done.stdout


def test_a_result_that_nobody_takes_is_said() -> None:
    done = shell(f"{EDGEMED} templates list >&-")
    assert done.returncode == 1
    assert "edgemed: standard output is closed\n" in done.stderr
    assert "internal" not in done.stderr


def test_no_file_is_opened_under_the_number_of_a_standard_one(tmp_path: Path) -> None:
    program = tmp_path / "opens.py"
    program.write_text(
        "import sys\n"
        "from edgemed.cli.terminal.standard import open_missing\n"
        "open_missing()\n"
        f"sys.exit(open({str(tmp_path / 'file')!r}, 'w').fileno() < 3)\n"
    )
    assert shell(f"{sys.executable} {program} <&- >&- 2>&-").returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="homes are looked up otherwise there")
@pytest.mark.parametrize("command", ["templates list", "audit verify", "models list"])
def test_a_user_without_a_home_is_told_so(command: str, tmp_path: Path) -> None:
    program = tmp_path / "homeless.py"
    program.write_text(
        "import os, pwd, sys\n"
        "def unknown(uid):\n    raise KeyError(uid)\n"
        "pwd.getpwuid = unknown\n"
        "for name in list(os.environ):\n"
        "    if name == 'HOME' or name.startswith('XDG'):\n        del os.environ[name]\n"
        "from edgemed.cli.main import main\n"
        f"sys.exit(main({command.split()!r}))\n"
    )
    done = shell(f"{sys.executable} {program}")
    assert done.returncode == 1
    assert done.stderr.startswith("edgemed: this user has no home folder\n")
    assert "HOME" in done.stderr.splitlines()[1]
