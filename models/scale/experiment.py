"""The experiment: how far to go from the clinical to the instruct model, by method and type.

    python models/scale/experiment.py --work DIR --count 200 --methods linear slerp --types F16 Q8_0

Quantizes and merges the F16 exports with edgemed and scores every file through llama.cpp. Controls
and few-shot models are scored where they exist. One line of DIR/results.jsonl for each; what stands
there is not measured again, so the command can be stopped and given again.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_models.scale.examination import AXES
from edgemed_models.scale.patients import Split
from evaluate import interval, measured
from runs import CONTROLS, FEW_SHOT, PARENTS, SEEDS, of_seed

from edgemed.merging.plan import plan_merge
from edgemed.merging.recipe import Recipe, between, of_models
from edgemed.merging.run import run_plan, usable_cores

STEPS = tuple(round(0.1 * n, 1) for n in range(11))
SPLITS: tuple[Split, ...] = ("dev", "test")
METHODS = ("linear", "slerp", "task_arithmetic")
TYPES = ("F16", "Q8_0", "Q6_K", "Q4_K_M")
ITEMS = 2  # seed of the questions: 1 had been opened before the weights of today
Label = dict[str, Any]


class Cell(NamedTuple):
    """One file to be scored. At t = 0 and t = 1 the method makes no difference and is ""."""

    method: str
    type: str
    t: float
    seed: int


def write(recipe: Recipe, out: Path) -> Path:
    """Carry a recipe out, unless its file stands there."""
    if not out.exists():
        run_plan(plan_merge(recipe, out, usable_cores(), None, False))
    return out


def parent(work: Path, name: str, kind: str) -> Path:
    """A parent at a type: the F16 export, requantized by edgemed."""
    source = work / f"{name}-F16.gguf"
    if kind == "F16":
        return source
    recipe = between(source, source, 0.0, "linear", out_type=kind)
    return write(recipe, work / f"{name}-{kind}.gguf")


def merged(work: Path, cell: Cell, folder: Path) -> Path:
    """The merge of a cell: the clinical model at t = 0, the instruct model at t = 1."""
    a, b = (parent(work, of_seed(name, cell.seed), cell.type) for name in PARENTS[:2])
    if not cell.method:
        return b if cell.t else a
    if cell.method == "task_arithmetic":
        return write(task_arithmetic(work, cell, a, b), folder / "merged.gguf")
    return write(between(a, b, cell.t, cell.method), folder / "merged.gguf")


def task_arithmetic(work: Path, cell: Cell, a: Path, b: Path) -> Recipe:
    """base + 2 ((1 - t) (clinical - base) + t (instruct - base)): both in full at t = 0.5."""
    recipe = of_models((a, b), cell.method, parent(work, "base", cell.type))
    part = recipe.slices[0]
    weights = (2 * (1 - cell.t), 2 * cell.t)
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


def known(results: Path) -> list[Label]:
    """The lines measured so far."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()]


class Notebook(NamedTuple):
    """Where lines go, and on how many items of which split a file is scored."""

    results: Path
    count: int
    split: Split

    def has(self, label: Label) -> bool:
        return any(label.items() <= line.items() for line in known(self.results))

    def measure(self, path: Path, label: Label, axes: tuple[str, ...]) -> None:
        """Score a file and add its line."""
        found = measured(path, self.count, ITEMS, self.split, axes)
        line = label | {"axes": {axis: summary(values) for axis, values in found.items()}}
        with self.results.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


def summary(values: list[float]) -> dict[str, float]:
    """Mean and 95 % interval over the items."""
    mean, low, high = (round(x, 4) for x in interval(values))
    return {"mean": mean, "low": low, "high": high, "items": len(values)}


def sweep(work: Path, notebook: Notebook, wanted: Iterator[Cell]) -> None:
    """Score the cells that are not known yet; a merged file lives as long as its score takes."""
    for cell in wanted:
        label = cell._asdict() | {"split": notebook.split}
        if not notebook.has(label):
            with tempfile.TemporaryDirectory(dir=work) as folder:
                notebook.measure(merged(work, cell, Path(folder)), label, AXES)


def alone(work: Path, notebook: Notebook) -> None:
    """Score the base, the controls and the few-shot models that have been made, at F16."""
    single = dict.fromkeys(("base", *CONTROLS), AXES)
    single |= dict.fromkeys(FEW_SHOT, ("unseen",))
    for name, axes in single.items():
        path = work / f"{name}-F16.gguf"
        label = {"model": name, "type": "F16", "seed": SEEDS[0], "split": notebook.split}
        if path.exists() and not notebook.has(label):
            notebook.measure(path, label, axes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--work", type=Path, required=True, help="holds the F16 exports")
    add("--methods", nargs="+", default=METHODS, choices=METHODS)
    add("--types", nargs="+", default=TYPES, choices=TYPES)
    add("--seeds", nargs="+", type=int, default=SEEDS, choices=SEEDS)
    add("--count", type=int, default=200)
    add("--split", choices=SPLITS, default="dev")
    args = parser.parse_args()
    notebook = Notebook(args.work / "results.jsonl", args.count, args.split)
    sweep(args.work, notebook, cells(args.methods, args.types, args.seeds))
    alone(args.work, notebook)


if __name__ == "__main__":
    main()
