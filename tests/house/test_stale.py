"""What a page names exists: files, modules, commands and their options, `python -m ...`."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from edgemed.cli.main import COMMANDS
from tests.house.test_flags import command_of, options_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = ("edgemed", "native", "models", "tui", "tests", "docs")
SKIPPED = {".venv", ".git", "__pycache__", "site", ".mypy_cache", ".ruff_cache"}

CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
MADE = re.compile(r"<!-- made: .*?<!-- end", re.DOTALL)
"""Parts of pages that a program makes of what there is."""
FILE = re.compile(r"(?<![\w/.<-])((?:[\w-]+/)+[\w-]*\.(?:py|toml|tcss|md|txt))\b")
FOLDER = re.compile(rf"(?<![\w/.-])((?:{'|'.join(OURS)})/(?:[\w-]+/)*)(?![\w*<{{])")
MODULE = re.compile(rf"python -m ((?:{'|'.join(OURS)})[\w.]*)")
DOTTED = re.compile(r"\b((?:edgemed|edgemed_native|edgemed_models|edgemed_tui)(?:\.[a-z_]\w*)+)\b")
CALL = re.compile(r"(?:^|\$ )edgemed ([a-z][a-z-]*)\b([^\n`|;]*)", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*)")
FILES = {"edgemed.lock"}  # which a program writes
# Of other programs:
OTHERS = {"--platform", "--lora", "--dist", "--extra-index-url", "--no-index", "--find-links"}


@cache
def files() -> frozenset[str]:
    """Every file of the project, from its root."""
    found = (p for p in ROOT.rglob("*") if not SKIPPED & set(p.relative_to(ROOT).parts))
    return frozenset(str(p.relative_to(ROOT)) for p in found if p.is_file())


def is_file(name: str) -> bool:
    """Whether a file of the project ends so: pages leave out the first folders."""
    return any(f"/{file}".endswith(f"/{name}") for file in files())


def is_module(name: str) -> bool:
    """Whether `python -m` runs it."""
    path = name.replace(".", "/")
    return bool({f"{path}.py", f"{path}/__main__.py"} & files())


def is_dotted(name: str) -> bool:
    """Whether it is a module, or a name that stands in one."""
    first, *rest = name.split(".")
    under = {"edgemed_native": "native/", "edgemed_models": "models/", "edgemed_tui": "tui/"}
    path = under.get(first, "") + first
    for at, part in enumerate(rest):
        module = next((m for m in (f"{path}/{part}.py", f"{path}/{part}/__init__.py")
                       if m in files()), None)  # fmt: skip
        if module is None:
            inside = next((m for m in (f"{path}.py", f"{path}/__init__.py") if m in files()), "")
            return at == len(rest) - 1 and bool(
                inside and re.search(rf"\b{part}\b", (ROOT / inside).read_text("utf-8"))
            )
        path = f"{path}/{part}"
    return True


@cache
def known(command: str) -> frozenset[str]:
    """The options of a command, and those of every command."""
    return frozenset({"--help", "--debug"} | {name for name, _ in options_of(command_of(command))})


@cache
def written() -> frozenset[str]:
    """Every option that a program of the project has, or gives to another."""
    sources = ((ROOT / file).read_text("utf-8") for file in files() if file.endswith(".py"))
    said = {option for source in sources for option in re.findall(r'"(--[a-z][a-z-]*)', source)}
    return frozenset(said).union(*map(known, COMMANDS))


def stale_in(text: str) -> Iterator[str]:
    """What `text` names in code and is not there."""
    for block, word in CODE.findall(MADE.sub("", text)):
        code = re.sub(r"\\\n\s*", " ", block or word)
        for name in FILE.findall(code):
            if not re.search(r"\b[A-Z]+\b", name) and not is_file(name):
                yield f"no file {name}"
        for name in FOLDER.findall(code):
            if not any(file.startswith(name) for file in files()):
                yield f"no folder {name}"
        for name in MODULE.findall(code):
            if not is_module(name.rstrip(".")):
                yield f"no module {name}"
        for name in DOTTED.findall(code):
            if name not in FILES and not is_file(name) and not is_dotted(name):
                yield f"no {name}"
        for command, rest in CALL.findall(code):
            if command not in COMMANDS:
                yield f"no command {command}"
                continue
            yield from (
                f"no option {option} of {command}"
                for option in OPTION.findall(rest.partition("#")[0])
                if option not in known(command)
            )
        for option in OPTION.findall(code):
            if option not in written() | OTHERS:
                yield f"no option {option}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`edgemed/clinic/cases.py`", ["no file edgemed/clinic/cases.py"]),
        ("`case/case.py` and `edgemed/clinic/`", []),
        ("`edgemed/clinics/`", ["no folder edgemed/clinics/"]),
        ("```sh\npython -m tests.bench.no_such --each 3\n```", ["no module tests.bench.no_such"]),
        ("`python -m tests.bench.house` and `python -m docs write`", []),
        ("`edgemed.clinic.case.case`, `edgemed.api`, `edgemed.merging.methods.table.METHODS`", []),
        ("`edgemed.clinic.cases`", ["no edgemed.clinic.cases"]),
        ("`edgemed merge a b --t 0.5 --tensor-type x`", ["no option --tensor-type of merge"]),
        ("```sh\nedgemed merge a b \\\n  --half 0.5\n```", ["no option --half of merge"]),
        ("with `--halves-of`", ["no option --halves-of"]),
        ("`edgemed blend a b`", ["no command blend"]),
        ("<!-- made: x -->`edgemed blend`<!-- end -->", []),
    ],
)
def test_a_planted_stale_name_is_found(text: str, found: list[str]) -> None:
    assert list(stale_in(text)) == found


def test_what_the_next_version_brings_names_only_what_there_is() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    part = text.partition("## Unreleased")[2].partition("\n## ")[0]
    assert list(stale_in(part)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_what_there_is(page: Path) -> None:
    assert list(stale_in(page.read_text("utf-8"))) == []
