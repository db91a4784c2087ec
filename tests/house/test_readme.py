"""The README's tree names every source file, with a purpose, and nothing that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("edgemed", "native", "models", "tui")
README = (ROOT / "README.md").read_text(encoding="utf-8")
TREE = re.search(r"<!-- tree -->\n```\n(.*?)```", README, re.DOTALL)


def named_in_tree() -> dict[str, str]:
    """Path -> purpose, from the indented tree (two spaces a level, folders end in a slash)."""
    assert TREE, "README.md has no tree"
    paths: dict[str, str] = {}
    folders: list[str] = []
    for line in TREE[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name, _, purpose = line.strip().partition("  ")
        del folders[depth:]
        paths["/".join([*folders, name.rstrip("/")])] = purpose.strip()
        if name.endswith("/"):
            folders.append(name.rstrip("/"))
    return paths


def sources() -> set[str]:
    """Every module and every folder that holds one, as README writes them."""
    files = [p for room in ROOMS for p in (ROOT / room).rglob("*.py") if p.name != "__init__.py"]
    return {p.relative_to(ROOT).as_posix() for p in files}


def test_every_source_file_stands_in_the_tree_with_a_purpose() -> None:
    tree = named_in_tree()
    missing = sorted(sources() - set(tree))
    assert not missing, f"not in README's tree: {missing}"
    assert not sorted(path for path, purpose in tree.items() if not purpose)


def test_everything_in_the_tree_exists() -> None:
    assert not [path for path in named_in_tree() if not (ROOT / path).exists()]
