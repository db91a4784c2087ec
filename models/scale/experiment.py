"""The experiment: how far to go from the clinical to the instruct model, by method and type.

    python models/scale/experiment.py --work DIR --count 200 --methods linear slerp --types F16 Q8_0

Exports the parents at F16, quantizes and merges them with edgemed, and scores every file through
llama.cpp. One line of results.jsonl for each; what stands there is not measured again.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_models.scale.examination import AXES
from edgemed_models.scale.patients import Split
from evaluate import interval, measured

from edgemed.merging.plan import plan_merge
from edgemed.merging.recipe import Recipe, between, of_models
from edgemed.merging.run import run_plan, usable_cores

STEPS = tuple(round(0.1 * n, 1) for n in range(11))
SPLITS: tuple[Split, ...] = ("dev", "test")


class Cell(NamedTuple):
    """One file to be scored. At t = 0 and t = 1 the method makes no difference."""

    kind: str
    method: str
    t: float


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


def merged(work: Path, cell: Cell) -> Path:
    """The merge of a cell: the clinical model at t = 0, the instruct model at t = 1."""
    a, b = (parent(work, name, cell.kind) for name in ("clinical", "instruct"))
    if cell.t in (0.0, 1.0):
        return b if cell.t else a
    out = work / f"merged-{cell.kind}-{cell.method}-{cell.t}.gguf"
    if cell.method == "task_arithmetic":
        return write(task_arithmetic(work, cell, a, b), out)
    return write(between(a, b, cell.t, cell.method), out)


def task_arithmetic(work: Path, cell: Cell, a: Path, b: Path) -> Recipe:
    """base + 2 ((1 - t) (clinical - base) + t (instruct - base)): both in full at t = 0.5."""
    recipe = of_models((a, b), cell.method, parent(work, "base", cell.kind))
    part = recipe.slices[0]
    weights = (2 * (1 - cell.t), 2 * cell.t)
    sources = tuple(
        source.__class__(source.model, parameters={"weight": weight})
        for source, weight in zip(part.sources, weights, strict=True)
    )
    return Recipe(cell.method, (part.__class__(sources),), recipe.base)


def cells(methods: list[str], kinds: list[str]) -> Iterator[Cell]:
    """The grid, each file once."""
    seen = set()
    for kind, method, t in product(kinds, methods, STEPS):
        cell = Cell(kind, "" if t in (0.0, 1.0) else method, t)
        if cell not in seen:
            seen.add(cell)
            yield cell


def known(results: Path) -> list[dict[str, Any]]:
    """The lines measured so far."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()]


def measure(path: Path, label: dict[str, Any], args: argparse.Namespace, results: Path) -> None:
    """Score a file and add a line, unless the line is there."""
    label = label | {"count": args.count, "seed": args.seed, "split": args.split}
    if any(label.items() <= line.items() for line in known(results)):
        return
    found = measured(path, args.count, args.seed, args.split)
    line = label | {axis: [round(x, 4) for x in interval(found[axis])] for axis in AXES}
    with results.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--work", type=Path, required=True, help="holds clinical-F16.gguf and instruct-F16.gguf")
    add("--methods", nargs="+", default=["linear", "slerp", "task_arithmetic"])
    add("--types", nargs="+", default=["F16", "Q8_0", "Q6_K", "Q4_K_M"])
    add("--controls", nargs="*", default=["base", "joint", "sequential"])
    add("--count", type=int, default=200)
    add("--seed", type=int, default=1)
    add("--split", choices=SPLITS, default="dev")
    args = parser.parse_args()
    results = args.work / "results.jsonl"
    for cell in cells(args.methods, args.types):
        measure(merged(args.work, cell), cell._asdict(), args, results)
    for name in args.controls:
        path = args.work / f"{name}-F16.gguf"
        if path.exists():
            measure(path, {"kind": "F16", "control": name}, args, results)


if __name__ == "__main__":
    main()
