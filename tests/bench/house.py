"""The house in figures, before and after: rooms, imports, functions, hops, time to start.

    python -m tests.bench.house [REV ...] [--hops] [--starts 15] [--work 15]

A column for each git revision (a tag, a commit); `.` is the work tree as it is, and what is
measured where none is named. Revisions are read from git, the work tree stays as it is. `--hops`
runs a merge and a summary of the embedded models in every revision (see `house_hops`); `--starts`
times short commands of the first and the last revision, in turns, and `--work` long ones.
"""

import argparse
import ast
import io
import shutil
import statistics
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench import house_hops, house_starts

ROOT = Path(__file__).parents[2]
HERE = "."
PACKAGES = ("edgemed", "native/edgemed_native", "models/edgemed_models", "tui/edgemed_tui")
BENCHES = "tests/bench/"

Texts = Mapping[str, str]
"""The Python files of a tree, and its README, by path."""


class Import(NamedTuple):
    """One import of a module of ours in another room than its own."""

    room: str
    of: str


def unpack(revision: str, folder: Path) -> Path:
    """The tree of a revision in a new folder of `folder`, so that all lie on one disk."""
    place = folder / (revision.replace("/", "-") if revision != HERE else "here")
    if revision == HERE:
        return copied(place)
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True)
    if archive.returncode:
        raise SystemExit(f"git knows no revision {revision}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(place, filter="data")
    return place


def copied(place: Path) -> Path:
    """The work tree's files, but for those that git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place / name)
    return place


def read(tree: Path) -> Texts:
    """README and the Python files that git tracks, or would track, of a tree."""
    paths = [tree / "README.md"]
    for folder in (*PACKAGES, "tests", "docs"):
        paths += sorted((tree / folder).rglob("*.py"))
    return {p.relative_to(tree).as_posix(): p.read_text("utf-8") for p in paths if p.is_file()}


def sources(texts: Texts) -> dict[str, str]:
    """The files of the four packages."""
    return {path: text for path, text in texts.items() if path.startswith(PACKAGES)}


def room_of(path: str) -> str:
    """The folder of a file."""
    return path.rpartition("/")[0]


def lines(texts: Mapping[str, str]) -> int:
    """Lines of all files together."""
    return sum(text.count("\n") for text in texts.values())


def rooms(texts: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Files and lines of each room."""
    files, count = Counter[str](), Counter[str]()
    for path, text in texts.items():
        files[room_of(path)] += 1
        count[room_of(path)] += text.count("\n")
    return {room: (files[room], count[room]) for room in sorted(files)}


def module_of(path: str) -> str:
    """The name under which a file of a package is imported."""
    package = next(p for p in PACKAGES if path.startswith(p))
    inside = path.removeprefix(room_of(package) + "/").removesuffix(".py").replace("/", ".")
    return inside.removesuffix(".__init__")


def door_of(path: str) -> str:
    """The room that an import enters: a folder; a loose file of a package is one by itself."""
    return path if room_of(path) in PACKAGES else room_of(path)


def imports(texts: Mapping[str, str]) -> Iterator[Import]:
    """Every import across rooms in the four packages, those inside functions too."""
    doors = {module_of(path): door_of(path) for path in texts}
    for path, text in texts.items():
        for name in imported(ast.parse(text)):
            door = doors.get(name) or doors.get(name.rpartition(".")[0])
            if door is not None and door != door_of(path):
                yield Import(door_of(path), door)


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of what a file imports when it runs: not those for the type checker alone."""
    checked = [n for n in ast.walk(tree) if isinstance(n, ast.If) and is_type_checking(n.test)]
    aside = {part for node in checked for part in ast.walk(node)}
    for node in (node for node in ast.walk(tree) if node not in aside):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_type_checking(test: ast.expr) -> bool:
    """Whether a condition is `TYPE_CHECKING`."""
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def in_circles(pairs: set[Import]) -> list[str]:
    """Rooms that reach themselves over imports of other rooms."""
    onward: dict[str, set[str]] = {}
    for room, of in pairs:
        onward.setdefault(room, set()).add(of)
    return sorted(room for room in onward if room in reached(onward, room))


def reached(onward: Mapping[str, set[str]], start: str) -> set[str]:
    """Every room that imports lead to from `start`."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for room in onward.get(ahead.pop(), ()):
            if room not in found:
                found.add(room)
                ahead.append(room)
    return found


def functions(texts: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Lines of every function without its docstring, and its place."""
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                said = ast.get_docstring(node) is not None
                words = (first.end_lineno or first.lineno) - first.lineno + 1 if said else 0
                length = (node.end_lineno or node.lineno) - node.lineno + 1 - words
                yield length, f"{path}:{node.name}"


def figures(texts: Texts) -> dict[str, str]:
    """The figures of one tree, by title."""
    ours = sources(texts)
    tests = {path: text for path, text in texts.items() if path.startswith("tests/")}
    bare = {path: text for path, text in tests.items() if not path.startswith(BENCHES)}
    crossing = list(imports(ours))
    lengths = sorted(functions(ours))
    longest_file = max(ours, key=lambda path: ours[path].count("\n"))
    row = max(rooms(ours).items(), key=lambda room: room[1][0])
    return {
        "source files": f"{len(ours):,}",
        "source lines": f"{lines(ours):,}",
        "rooms (folders)": str(len(rooms(ours))),
        "most files in one room": f"{row[1][0]} ({row[0]})",
        "longest file": f"{ours[longest_file].count(chr(10))} ({longest_file})",
        "imports across rooms": f"{len(crossing):,}",
        "pairs of rooms that they join": str(len(set(crossing))),
        "rooms in circles": str(len(in_circles(set(crossing)))),
        "functions": f"{len(lengths):,}",
        "median function, lines": f"{statistics.median(n for n, _ in lengths):g}",
        "longest function, lines": f"{lengths[-1][0]} ({lengths[-1][1]})",
        "README, bytes": f"{len(texts['README.md'].encode()):,}",
        "tests / source, benches too": f"{lines(tests) / lines(ours):.2f}",
        "tests / source, without benches": f"{lines(bare) / lines(ours):.2f}",
    }


def show(title: str, names: Sequence[str], columns: Sequence[Mapping[str, str]]) -> None:
    """A Markdown table: a row for each key of any column."""
    keys = dict.fromkeys(key for column in columns for key in column)
    print(f"\n| {title} | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for key in keys:
        print(f"| {key} | {' | '.join(column.get(key, '-') for column in columns)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("revisions", nargs="*", default=[HERE], metavar="REV")
    parser.add_argument("--hops", action="store_true", help="run a merge and a summary")
    parser.add_argument(
        "--starts", type=int, default=0, metavar="PAIRS", help="time short commands"
    )
    parser.add_argument("--work", type=int, default=0, metavar="PAIRS", help="time long ones")
    args = parser.parse_args()
    names = ["the work tree" if rev == HERE else rev for rev in args.revisions]
    with tempfile.TemporaryDirectory() as folder:
        trees = [unpack(revision, Path(folder)) for revision in args.revisions]
        texts = [read(tree) for tree in trees]
        show("", names, [figures(text) for text in texts])
        per_room = [rooms(text) for text in texts]
        show(
            "files, lines of each room",
            names,
            [{room: f"{n}, {count:,}" for room, (n, count) in one.items()} for one in per_room],
        )
        if args.hops:
            show("hops", names, [house_hops.measured(tree, Path(folder)) for tree in trees])
        ends = [trees[0], trees[-1]]
        compared = [names[0], names[-1], "ratio"]
        if args.starts:
            columns = house_starts.measured(ends, args.starts, Path(folder))
            show("processor seconds to start", compared, columns)
        if args.work:
            columns = house_starts.work(ends, args.work, Path(folder))
            show("processor seconds of commands", compared, columns)


if __name__ == "__main__":
    main()
