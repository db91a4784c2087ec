"""The tests' pictures of an earlier revision and now: `python -m docs beside REV FOLDER`.

Writes a page that any browser shows; it does not belong in the repository.
"""

import subprocess
from html import escape
from pathlib import Path

SNAPSHOTS = Path("tests/tui/__snapshots__/test_pictures")
ROOT = Path(__file__).parents[1]
FOLDER_NOW = ROOT  # of the current pictures
HEAD = "<!doctype html><meta charset=utf-8><style>td { vertical-align: top }</style>"


def beside(revision: str, folder: Path) -> int:
    """Write the page, and both pictures of every screen that changed, is new or is gone."""
    then = names_at(revision)
    if then is None:
        print(f"{revision}: no such revision here; git log names those that there are")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    now = {path.name: path.read_bytes() for path in (FOLDER_NOW / SNAPSHOTS).glob("*.svg")}
    rows = []
    for file in sorted({*now, *then}):
        pictures = earlier(revision, file) if file in then else b"", now.get(file, b"")
        if pictures[0] != pictures[1]:
            rows.append(row(Path(file).stem, written(folder, Path(file).stem, pictures)))
    page = f"<title>{escape(revision)} and now</title><table>{''.join(rows)}</table>"
    (folder / "index.html").write_text(HEAD + page, "utf-8")
    print(f"{folder / 'index.html'}: {len(rows)} screens")
    return 0


def names_at(revision: str) -> set[str] | None:
    """The pictures of the revision; None if the revision is not known."""
    listed = git("ls-tree", "--name-only", "-z", revision, f"{SNAPSHOTS.as_posix()}/")
    if listed.returncode:
        return None
    return {Path(name).name for name in listed.stdout.decode().split("\0") if name}


def earlier(revision: str, file: str) -> bytes:
    """A picture as it was."""
    return git("show", f"{revision}:{(SNAPSHOTS / file).as_posix()}").stdout


def git(*words: str) -> "subprocess.CompletedProcess[bytes]":
    """What git answers."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)


def written(folder: Path, title: str, pictures: tuple[bytes, bytes]) -> tuple[str, str]:
    """Both pictures as files; their names, empty for a missing one."""
    name = title.replace(" ", "-").translate(str.maketrans("[]", "--"))
    found = []
    for when, picture in zip(("before", "now"), pictures, strict=True):
        file = f"{name}-{when}.svg" if picture else ""
        if file:
            (folder / file).write_bytes(picture)
        found.append(file)
    return found[0], found[1]


def row(title: str, files: tuple[str, str]) -> str:
    """Both pictures of one screen."""
    cells = "".join(
        f'<td width="50%"><img width="100%" src="{file}">' if file else f"<td>{words}"
        for file, words in zip(files, ("was not there", "is no longer there"), strict=True)
    )
    return f"<tr><th colspan=2>{escape(title)}<tr>{cells}"
