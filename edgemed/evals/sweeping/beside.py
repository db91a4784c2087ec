"""Rows beside a sweep: other merges by their recipes, other models, and a change by chance.

They answer the test split beside the parents and the chosen merge, and have no part in the choice
of t. A merge that is no better than a few examples learned by the instruct model, or than noise of
its own size, has not earned its place: that is seen here.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgemed_models.machine import logical_cores
from edgemed_native._jit import DIGEST as SOURCES_DIGEST

from edgemed.adapters.naming import Adapted, Parent, Use, parent_of
from edgemed.errors import UsageError
from edgemed.local_models.loading import Options
from edgemed.merging.parents.opening import files_of, open_parent, open_parents
from edgemed.merging.plan.plan import Plan, plan_merge
from edgemed.merging.recipe.recipe import Recipe, Slice, Source, recipe_hash
from edgemed.merging.recipe.recipe_file import is_recipe, read_recipe
from edgemed.merging.run.run import Progress, run_plan
from edgemed.storage.sha256 import sha256_of

CONTROL_RANK = 16
CONTROL = "change by chance"
ODD = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True, slots=True)
class Beside:
    """What is asked beside the points: the file that `recipe` makes. `name` names it in tables."""

    name: str
    recipe: Recipe

    @property
    def folder(self) -> str:
        """The folder of its results."""
        return f"beside-{ODD.sub('-', self.name)}"


At = float | Beside
"""A point of a sweep: a t, or a row beside."""


def row_of(text: str) -> Beside:
    """A row from a recipe file, a model, or MODEL+ADAPTER. UsageError for what is none."""
    parent = parent_of(text)
    if is_recipe(parent):
        assert isinstance(parent, Path)
        return Beside(parent.stem, read_recipe(parent))
    return Beside(parent.name, alone(parent))


def alone(parent: Parent) -> Recipe:
    """A model as it is, its adapters folded in."""
    return Recipe("passthrough", (Slice((Source(parent),)),))


def refuse_same_names(rows: Sequence[Beside]) -> None:
    """UsageError if two rows would have one name."""
    folders = [row.folder for row in rows]
    for row in rows:
        if folders.count(row.folder) > 1:
            raise UsageError(
                f"two rows beside the sweep are called {row.name}", "rename one of the files"
            )


def planned(row: Beside, merged: Path, options: Options) -> Plan:
    """The plan of a row's file, from headers only."""
    return plan_merge(row.recipe, merged, options.threads or logical_cores(), None)


def make(row: Beside, merged: Path, options: Options, note: Callable[[str], None]) -> None:
    """Write a row's file."""

    def report(done: Progress) -> None:
        if done.compiling:
            note(f"compiling {done.compiling}, once")

    run_plan(planned(row, merged, options), report)


def digest_of(row: Beside) -> str:
    """What tells a row's file from every other: its recipe, its inputs, and how merges are made."""
    inputs = [[p.name, sha256_of(p)] for p in files_of(open_parents(row.recipe.models))]
    whole = json.dumps([recipe_hash(row.recipe), inputs, SOURCES_DIGEST])
    return hashlib.sha256(whole.encode()).hexdigest()


def control(a: Parent, b: Parent, t: float, seed: int, out: Path, threads: int | None) -> Beside:
    """The second parent with a change by chance that is as large, matrix by matrix, as what the
    merge at `t` takes from the first one: (1 - t) |A - B|. Norms and biases stay as they are.

    The adapter is written to `out` once, and found there again.
    """
    from edgemed.adapters.output import files_of as adapter_files
    from edgemed.adapters.output import write_files
    from edgemed.merging.extracting import ExtractSettings, extract, plan_extract

    if not out.exists():
        plan = plan_extract(a, b, out, threads or logical_cores())
        adapter, _ = extract(
            plan, b, ExtractSettings(CONTROL_RANK, without_vectors=True, control=seed)
        )
        write_files(out, adapter_files(out, adapter, open_parent(b)))
    uses = (*(b.uses if isinstance(b, Adapted) else ()), Use(out, 1.0 - t))
    model = b.model if isinstance(b, Adapted) else b
    return Beside(CONTROL, alone(Adapted(model, uses)))
