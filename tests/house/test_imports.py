"""What importing costs: `edgemed --help` loads no heavy package; one file imports each."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgemed.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
HEAVY = ("numba", "numpy", "llama_cpp", "onnxruntime", "textual", "rich", "gguf", "sentencepiece")


def test_help_loads_no_heavy_package() -> None:
    code = (
        "import sys; from edgemed.cli.main import build_parser; build_parser(None);"
        "import edgemed; print(sorted(set(sys.modules) & set(sys.argv[1:])))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


WITHOUT_KERNELS = {
    "inspect": ("numba", "numpy"), "templates": ("numba", "numpy"), "models": ("numba", "numpy"),
    "summarize": ("numba", "numpy"), "chat": ("numba", "numpy"), "check": ("numba",),
}  # fmt: skip
"""Commands that start without the kernels, or without any array: half a second and more."""


@pytest.mark.parametrize("command", WITHOUT_KERNELS)
def test_a_command_loads_what_it_needs_itself(command: str) -> None:
    code = (
        "import sys; from edgemed.cli.main import build_parser; build_parser(sys.argv[1]);"
        "print(sorted(set(sys.modules) & set(sys.argv[2:])))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, command, *WITHOUT_KERNELS[command]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["llama_cpp", "onnxruntime"])
def test_only_one_file_imports(package: str) -> None:
    pattern = re.compile(rf"^\s*(import|from) {package}\b", re.MULTILINE)
    rooms = ("edgemed", "native/edgemed_native", "models/edgemed_models", "tui/edgemed_tui")
    files = [p for room in rooms for p in (ROOT / room).rglob("*.py")]
    importing = [
        p.relative_to(ROOT).as_posix() for p in files if pattern.search(p.read_text("utf-8"))
    ]
    assert len(importing) <= 1, importing


TALKERS = ("huggingface_hub", "requests", "urllib3", "httpx", "hf_xet", "aiohttp", "sentry_sdk")
PROCESSES = {
    "the worker": "from edgemed_models.engine import worker; worker.load_libraries()",
    "a check": "import edgemed.clinic.reviewing.review, edgemed_models.encoder as e; e.encoder()",
    "the screen": "import edgemed_tui.app, edgemed_tui.machine, edgemed_tui.screens.merge",
    "a merge": "from edgemed.cli.merging import merge, diff; import edgemed.cli.evals.sweep",
}


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_loads_a_package_that_talks_to_the_internet(process: str) -> None:
    code = f"import sys; {PROCESSES[process]}; print(sorted(set(sys.modules) & set(sys.argv[1:])))"
    found = subprocess.run(
        [sys.executable, "-c", code, *TALKERS], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["summarize", "chat", "models", "audit", "templates"])
def test_commands_without_arithmetic_load_no_numpy(command: str) -> None:
    """It takes 80 MB of address space, which a small machine's limit is better kept for."""
    module = f"{COMMANDS[command].room}.{command}"
    script = f"import sys, edgemed.cli.{module}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


OPTION = re.compile(r"(?<![\w-])--[a-z]")


def options_named(path: Path) -> list[str]:
    """Options of a command line in the strings of a file, documentation included."""
    tree = ast.parse(path.read_text("utf-8"))
    strings = (
        n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    )
    return [f"{path.name}:{s.lineno}" for s in strings if OPTION.search(s.value)]


def test_the_models_name_no_option_of_the_command_line() -> None:
    """They are used without one: by the screen, and from Python."""
    package = ROOT / "models" / "edgemed_models"
    assert [found for path in package.rglob("*.py") for found in options_named(path)] == []
