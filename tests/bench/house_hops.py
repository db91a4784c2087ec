"""How far a value travels: t from the command line to the kernels, a note to the printed draft.

Real runs with the embedded models, in the code of any revision; `house_trace` follows them.
"""

import json
import subprocess
import sys
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
    (home / "note.txt").write_text(NOTE, "utf-8")
    figures = traced(tree, what.removeprefix("a "), COMMANDS[what], home)
    return {
        f"{what}, {title}": str(figure)
        for title, figure in figures.items()
        if what == "a note" or title not in house_trace.COUNTED
    }


def traced(tree: Path, what: str, command: str, home: Path) -> dict[str, int]:
    """What came of one run; its calls are kept beside the note, in a file for each tree."""
    line = [sys.executable, "-P", str(TRACE), str(tree), what]
    done = subprocess.run(
        line + house_starts.words(tree, command, home),
        env=house_starts.environment(tree, home),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr[-2000:]}")
    figures: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return figures
