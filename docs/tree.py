"""The tree of all source files, made from the first line of every module."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = {
    "edgemed": "the product: files, merging, notes, checks, records, the command line",
    "native": "the arithmetic: arrays in, arrays out; it knows ggml's blocks but no files",
    "models": "the language models: one protocol, llama.cpp, a scripted fake, the scale models",
    "tui": "the screen: draws and asks; every rule is in edgemed/",
}


def tree() -> str:
    """Two spaces a level; folders end in a slash; every line has a purpose."""
    lines: list[str] = []
    for room, purpose in ROOMS.items():
        lines.append(line(0, f"{room}/", purpose))
        lines.extend(folder(ROOT / room, 1))
    lines.append(
        line(0, "tests/", "tests of the four rooms; bench/ has benchmarks, oracles/ slow twins")
    )
    return "\n".join(lines) + "\n"


def folder(path: Path, depth: int) -> Iterator[str]:
    """Modules first, then sub-folders that hold modules."""
    for module in sorted(path.glob("*.py")):
        if module.name != "__init__.py":
            yield line(depth, module.name, purpose_of(module))
    for sub in sorted(p for p in path.iterdir() if p.is_dir() and any(p.rglob("*.py"))):
        if sub.name != "__pycache__":
            init = sub / "__init__.py"
            yield line(depth, f"{sub.name}/", purpose_of(init) if init.exists() else " ")
            yield from folder(sub, depth + 1)


def line(depth: int, name: str, purpose: str) -> str:
    return f"{'  ' * depth + name:34}{purpose}".rstrip()


def purpose_of(module: Path) -> str:
    """The first line of the module's docstring, without its full stop."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    assert text, f"{module} has no docstring"
    return text.splitlines()[0].rstrip(".")
