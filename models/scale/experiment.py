"""The experiment: how far to go from the clinical to the instruct model, by method and type.

    python models/scale/experiment.py --work DIR --count 200 --methods linear slerp --types F16 Q8_0

Quantizes and merges the F16 exports with edgemed and scores every file through llama.cpp, one on
each core. Controls and few-shot models are scored where they exist. One line of DIR/results.jsonl
for each; what is there is not measured again, so the command can be stopped and run again.
DIR/worths.jsonl holds what every single answer was worth, in hundredths, for paired comparisons.
"""

import argparse
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import NamedTuple

from edgemed_models.machine import logical_cores
from edgemed_models.scale.examination import AXES
from edgemed_models.scale.patients import Split
from evaluate import interval, measured
from json_lines import Label, add, known, label_of
from runs import CONTROLS, FEW_SHOT, PARENTS, SEEDS, of_seed

from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import Recipe, between, of_models
from edgemed.merging.run.run import run_plan

STEPS = tuple(round(0.1 * n, 1) for n in range(11))
SPLITS: tuple[Split, ...] = ("dev", "test")
METHODS = ("linear", "slerp", "task_arithmetic")
TYPES = ("F16", "Q8_0", "Q6_K", "Q4_K_M")
ITEMS = 4  # seed of the questions: 1 to 3 were opened before the present weights
MERGING = "merging-"  # prefix of folders of merges, which are deleted after scoring


class Cell(NamedTuple):
    """One file to be scored. At t = 0 and t = 1 the method makes no difference and is ""."""

    method: str
    type: str
    t: float
    seed: int


def write(recipe: Recipe, out: Path) -> Path:
    """Run a recipe."""
    run_plan(plan_merge(recipe, out, logical_cores(), None, out.exists()))
    return out


def parent(work: Path, name: str, kind: str) -> Path:
    """A parent at a type: the F16 export, requantized by edgemed."""
    source = work / f"{name}-F16.gguf"
    if kind == "F16":
        return source
    out = work / f"{name}-{kind}.gguf"
    if out.exists() and out.stat().st_mtime >= source.stat().st_mtime:
        return out
    return write(between(source, source, 0.0, "linear", out_type=kind), out)


def parents(work: Path, cell: Cell) -> list[Path]:
    """The clinical and the instruct model of a cell, and the base, at the cell's type."""
    names = (of_seed(name, cell.seed) for name in PARENTS[:2])
    return [parent(work, name, cell.type) for name in (*names, "base")]


def merged(work: Path, cell: Cell, folder: Path) -> Path:
    """The merge of a cell: the clinical model at t = 0, the instruct model at t = 1."""
    a, b, base = parents(work, cell)
    if not cell.method:
        return b if cell.t else a
    if cell.method == "task_arithmetic":
        return write(task_arithmetic(cell, a, b, base), folder / "merged.gguf")
    return write(between(a, b, cell.t, cell.method), folder / "merged.gguf")


def task_arithmetic(cell: Cell, a: Path, b: Path, base: Path) -> Recipe:
    """base + min(1, 2 - 2t) (clinical - base) + min(1, 2t) (instruct - base).

    One parent alone at each end, as with the other methods, and both in full at t = 0.5.
    """
    recipe = of_models((a, b), cell.method, base)
    part = recipe.slices[0]
    weights = (min(1.0, 2 - 2 * cell.t), min(1.0, 2 * cell.t))
    sources = tuple(
        source.__class__(source.model, parameters={"weight": weight})
        for source, weight in zip(part.sources, weights, strict=True)
    )
    return Recipe(cell.method, (part.__class__(sources),), recipe.base)


def cells(methods: list[str], kinds: list[str], seeds: list[int]) -> Iterator[Cell]:
    """The grid, each file once."""
    seen = set()
    for seed, kind, method, t in product(seeds, kinds, methods, STEPS):
        cell = Cell("" if t in (0.0, 1.0) else method, kind, t, seed)
        if cell not in seen:
            seen.add(cell)
            yield cell


class Job(NamedTuple):
    """One file to be scored: a cell's merge, or a model by its name."""

    label: Label
    axes: tuple[str, ...]
    cell: Cell | None = None


class Terms(NamedTuple):
    """Where the files are, and on how many items of which split each is scored."""

    work: Path
    items: int
    split: Split

    @property
    def label(self) -> Label:
        """The fields that the lines of all files share."""
        return {"split": self.split, "questions": ITEMS, "count": self.items}


def scored(job: Job, terms: Terms) -> dict[str, list[float]]:
    """The worth of a file's answers by axis; a merged file is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix=MERGING, dir=terms.work) as folder:
        if job.cell:
            path = merged(terms.work, job.cell, Path(folder))
        else:
            path = terms.work / f"{job.label['model']}-F16.gguf"
        return measured(path, terms.items, ITEMS, terms.split, job.axes)


def summary(values: list[float]) -> dict[str, float]:
    """Mean and 95 % interval over the items."""
    mean, low, high = (round(x, 4) for x in interval(values))
    return {"mean": mean, "low": low, "high": high, "items": len(values)}


def sweep(wanted: Iterator[Cell], terms: Terms) -> list[Job]:
    """The jobs of the grid."""
    return [Job(cell._asdict() | terms.label, AXES, cell) for cell in wanted]


def alone(terms: Terms) -> list[Job]:
    """The base, the controls and the few-shot models that have been made, at F16."""
    single: dict[str, tuple[str, ...]] = dict.fromkeys(("base", *CONTROLS), AXES)
    single |= dict.fromkeys(FEW_SHOT, ("unseen",))
    return [
        Job({"model": name, "type": "F16", "seed": SEEDS[0]} | terms.label, axes)
        for name, axes in single.items()
        if (terms.work / f"{name}-F16.gguf").exists()
    ]


def carry_out(jobs: list[Job], terms: Terms, workers: int) -> None:
    """Score what is not known yet and add its lines, in the order in which they come."""
    for folder in terms.work.glob(f"{MERGING}*"):  # of a run that was killed
        shutil.rmtree(folder)
    paths = [terms.work / name for name in ("results.jsonl", "worths.jsonl")]
    done = [set(map(label_of, known(path))) for path in paths]
    left = [job for job in jobs if not all(label_of(job.label) in lines for lines in done)]
    for job in left:
        if job.cell:  # made here, once: two jobs must not write one parent
            parents(terms.work, job.cell)
    fresh = get_context("spawn")  # a fork would inherit kernels' threads that do not run
    with ProcessPoolExecutor(workers, fresh, end_with_parent) as pool:
        running = {pool.submit(scored, job, terms): job.label for job in left}
        try:
            for finished in as_completed(running):
                note(terms.work, running[finished], finished.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def end_with_parent() -> None:
    """Make a worker end when its parent was killed, instead of waiting forever."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def note(work: Path, label: Label, found: dict[str, list[float]]) -> None:
    """Add a file's lines; it counts as done when both are there."""
    hundredths = {axis: [round(100 * x) for x in values] for axis, values in found.items()}
    add(work / "worths.jsonl", label | {"axes": hundredths})
    line = label | {"axes": {axis: summary(values) for axis, values in found.items()}}
    add(work / "results.jsonl", line)
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--work", type=Path, required=True, help="holds the F16 exports")
    add("--methods", nargs="+", default=METHODS, choices=METHODS)
    add("--types", nargs="+", default=TYPES, choices=TYPES)
    add("--seeds", nargs="+", type=int, default=SEEDS, choices=SEEDS)
    add("--count", type=int, default=200)
    add("--split", choices=SPLITS, default="dev")
    add("--jobs", type=int, default=logical_cores(), help="files scored at the same time")
    args = parser.parse_args()
    terms = Terms(args.work, args.count, args.split)
    jobs = sweep(cells(args.methods, args.types, args.seeds), terms)
    if args.split == "test":
        jobs += alone(terms)
    carry_out(jobs, terms, args.jobs)


if __name__ == "__main__":
    main()
