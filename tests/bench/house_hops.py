"""How far a value travels: t from the command line to the kernels, a note to the printed draft.

Real runs with the embedded models, in the code of any revision; `house_trace` follows them.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.bench import house_starts, house_trace

TRACE = Path(house_trace.__file__)
MERGE = "merge {clinical} {instruct} --t {t} -o {folder}/merged.gguf --threads 1 --force"
SUMMARY = "summarize {folder}/note.txt --template sample --demo --no-record --max-tokens 24"
NOTE = f"HPI:\n{house_trace.WORD} 10 mg daily for a cough of two weeks. No fever.\n"


COMMANDS = {"t": MERGE.replace("{t}", str(house_trace.T)), "a note": SUMMARY}


def measured(tree: Path, folder: Path) -> dict[str, str]:
    """The figures of a merge and of a summary, by title."""
    home = folder / "hops"
    home.mkdir(exist_ok=True)
    return way(tree, "t", home) | way(tree, "a note", home)


def way(tree: Path, what: str, home: Path) -> dict[str, str]:
    """The figures of a run that is given t or a note, by title."""
    return told(what, traced(tree, what, home)[0])


def told(what: str, figures: Mapping[str, int]) -> dict[str, str]:
    """The figures that are shown of t or of a note."""
    return {
        f"{what}, {title}": str(figure)
        for title, figure in figures.items()
        if what == "a note" or title not in house_trace.COUNTED
    }


def traced(tree: Path, what: str, home: Path) -> tuple[dict[str, int], tuple[str, ...]]:
    """What came of one run, and the folders of the functions it passed, first met first."""
    (home / "note.txt").write_text(NOTE, "utf-8")
    line = [sys.executable, "-P", str(TRACE), str(tree), what.removeprefix("a ")]
    done = subprocess.run(
        line + house_starts.words(tree, COMMANDS[what], home),
        env=house_starts.environment(tree, home),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{COMMANDS[what]}: {done.stderr[-2000:]}")
    figures: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    passed = (line.partition(" -> ")[2] for line in done.stderr.splitlines() if ".py:" in line)
    return figures, tuple(dict.fromkeys(to.rpartition("/")[0] for to in passed))
