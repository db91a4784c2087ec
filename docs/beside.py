"""The tests' pictures of an earlier state beside those of now: `python -m docs beside REV FOLDER`.

Writes a page that any browser shows; nothing of it belongs into the repository.
"""

import subprocess
from html import escape
from pathlib import Path

SNAPSHOTS = Path("tests/tui/__snapshots__/test_pictures")
ROOT = Path(__file__).parents[1]


def beside(revision: str, folder: Path) -> int:
    """Write the page, and both pictures of every screen that changed or is new."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for now in sorted((ROOT / SNAPSHOTS).glob("*.svg")):
        before = earlier(revision, SNAPSHOTS / now.name)
        if before == now.read_bytes():
            continue
        name = now.stem.replace(" ", "-").translate(str.maketrans("[]", "--"))
        (folder / f"{name}-now.svg").write_bytes(now.read_bytes())
        if before:
            (folder / f"{name}-before.svg").write_bytes(before)
        rows.append(row(now.stem, name, known=bool(before)))
    page = f"<title>{escape(revision)} and now</title><table>{''.join(rows)}</table>"
    (folder / "index.html").write_text(page, "utf-8")
    print(f"{folder / 'index.html'}: {len(rows)} screens")
    return 0


def earlier(revision: str, path: Path) -> bytes:
    """A file as it was; empty where it was not there."""
    command = ["git", "show", f"{revision}:{path.as_posix()}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).stdout


def row(title: str, name: str, *, known: bool) -> str:
    """Both pictures of one screen."""
    before = f'<img width="100%" src="{name}-before.svg">' if known else "was not there"
    now = f'<img width="100%" src="{name}-now.svg">'
    return f"<tr><th colspan=2>{escape(title)}<tr><td width=50%>{before}<td width=50%>{now}"
