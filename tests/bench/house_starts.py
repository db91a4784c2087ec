"""How long commands of two trees take to start, run in turns so that both meet the same machine.

Times are the processor's, user and system, of the command and its children: what others do on the
machine stretches the clock, and these hardly.
"""

import compileall
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

COMMANDS = {
    "--help": "--help",
    "inspect, an embedded model": "inspect {clinical}",
    "check, two embedded models": "check {clinical} {instruct}",
    "merge --dry-run": "merge {clinical} {instruct} --t 0.5 -o {folder}/out.gguf --dry-run",
    "templates list": "templates list",
}
WAYS_IN = ("", "native", "models", "tui")
"""Folders of a tree that hold its packages."""


def environment(tree: Path, home: Path) -> dict[str, str]:
    """A process in this environment imports the packages of `tree`, and writes to `home`."""
    paths = os.pathsep.join(str(tree / way) for way in WAYS_IN)
    own = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PYTHONPATH": paths}
    return os.environ | own | {"XDG_CACHE_HOME": str(home / "cache")}


def words(tree: Path, command: str, folder: Path) -> list[str]:
    """The command line of one of COMMANDS, with the models that the tree ships."""
    scale = tree / "models" / "edgemed_models" / "scale"
    names = {"clinical": "clinical", "instruct": "instruct"}
    models = {name: next(scale.glob(f"*{word}*.gguf")) for name, word in names.items()}
    return [word.format(folder=folder, **models) for word in command.split()]


def seconds(tree: Path, command: str, home: Path) -> float:
    """Processor time of one run in a fresh process, which must end well."""
    line = [sys.executable, "-P", "-m", "edgemed.cli.main", *words(tree, command, home)]
    before = of_children()
    subprocess.run(line, env=environment(tree, home), cwd=home, capture_output=True, check=True)
    return of_children() - before


def of_children() -> float:
    """Processor seconds of all children that were waited for; `os.times` counts in hundredths."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(trees: Sequence[Path], pairs: int, folder: Path) -> list[dict[str, str]]:
    """A column for each tree: median and quartiles of `pairs` runs after one that warms up.

    Every tree is compiled first, as an installed one is, also where Python may write no bytecode.
    """
    for tree in trees:
        for way in ("edgemed", *WAYS_IN[1:]):
            compileall.compile_dir(tree / way, quiet=2)
    homes = [folder / f"home{number}" for number in range(len(trees))]
    for home in homes:
        home.mkdir(exist_ok=True)
    columns: list[dict[str, str]] = [{} for _ in trees]
    for title, command in COMMANDS.items():
        runs: list[list[float]] = [[] for _ in trees]
        for _ in range(pairs + 1):
            for mine, tree, home in zip(runs, trees, homes, strict=True):
                mine.append(seconds(tree, command, home))
        for column, mine in zip(columns, runs, strict=True):
            low, middle, high = statistics.quantiles(mine[1:], n=4)
            column[title] = f"{middle:.3f} ({low:.3f} to {high:.3f})"
    return columns
