"""How long commands of two trees take, run in turns so that both meet the same machine.

Times are the processor's, user and system, of the command and its children: what others do on the
machine stretches the clock, and these hardly.
"""

import compileall
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.merge import VOCABULARY
from tests.bench.synthetic import SHAPES, write_model

COMMANDS = {
    "--help": "--help",
    "inspect, an embedded model": "inspect {clinical}",
    "check, two embedded models": "check {clinical} {instruct}",
    "merge --dry-run": "merge {clinical} {instruct} --t 0.5 -o {folder}/out.gguf --dry-run",
    "templates list": "templates list",
}
WORK = {
    "merge, linear": "merge {a} {b} --t 0.5 -o {folder}/out.gguf --force",
    "merge, slerp": "merge {a} {b} --method slerp --t 0.5 -o {folder}/out.gguf --force",
    "merge, ties": "merge {b} {c} --method ties --base {a} --weight 1 1 --set density=0.5 "
    "-o {folder}/out.gguf --force",
    "quantize to Q4_0": "quantize {a} {folder}/small.gguf {type} Q4_0 --force",
    "diff": "diff {a} {b}",
}
"""Commands on synthetic models, a, b and c: Q4_K_M, 1.2 billion weights."""
MODELS = ("a", "b", "c")
WAYS_IN = ("", "native", "models", "tui")
"""Folders of a tree that hold its packages."""


def environment(tree: Path, home: Path) -> dict[str, str]:
    """A process in this environment imports the packages of `tree`, and writes to `home`."""
    paths = os.pathsep.join(str(tree / way) for way in WAYS_IN)
    own = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PYTHONPATH": paths}
    return os.environ | own | {"XDG_CACHE_HOME": str(home / "cache")}


def words(tree: Path, command: str, folder: Path) -> list[str]:
    """The command line of a row, with the models that the tree ships or those beside `folder`."""
    scale = tree / "models" / "edgemed_models" / "scale"
    names = {"clinical": "clinical", "instruct": "instruct"}
    models = {name: next(scale.glob(f"*{word}*.gguf")) for name, word in names.items()}
    models |= {name: folder.parent / f"{name}.gguf" for name in MODELS}
    return [
        word.format(folder=folder, type=type_option(tree), **models) for word in command.split()
    ]


def type_option(tree: Path) -> str:
    """What the tree's quantize calls the option for the types of its output."""
    first = tree / "edgemed" / "cli" / "quantize.py"
    return "--type" if first.exists() and '"--type"' in first.read_text("utf-8") else "--out-type"


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


def work(trees: Sequence[Path], pairs: int, folder: Path) -> list[dict[str, str]]:
    """`measured` for WORK; writes its three models, 2.4 GB, into `folder`."""
    for seed, name in enumerate(MODELS):
        write_model(folder / f"{name}.gguf", SHAPES["1b"], "Q4_K_M", VOCABULARY, seed)
    return measured(trees, pairs, folder, WORK)


def measured(
    trees: Sequence[Path], pairs: int, folder: Path, commands: Mapping[str, str] = COMMANDS
) -> list[dict[str, str]]:
    """A column for each tree: median and quartiles of `pairs` runs after one that warms up.

    A last column has the ratios of the last tree to the first, pair by pair.
    Every tree is compiled first, as an installed one is, also where Python may write no bytecode.
    """
    for tree in trees:
        for way in ("edgemed", *WAYS_IN[1:]):
            compileall.compile_dir(tree / way, quiet=2)
    homes = [folder / f"home{number}" for number in range(len(trees))]
    for home in homes:
        home.mkdir(exist_ok=True)
    columns: list[dict[str, str]] = [{} for _ in trees]
    columns.append({})
    for title, command in commands.items():
        runs: list[list[float]] = [[] for _ in trees]
        for _ in range(pairs + 1):
            for mine, tree, home in zip(runs, trees, homes, strict=True):
                mine.append(seconds(tree, command, home))
        runs.append([last / first for first, last in zip(runs[0], runs[-1], strict=True)])
        for column, mine in zip(columns, runs, strict=True):
            low, middle, high = statistics.quantiles(mine[1:], n=4)
            column[title] = f"{middle:.3f} ({low:.3f} to {high:.3f})"
    return columns
