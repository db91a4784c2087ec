"""The points of a sweep: a t, or what a recipe of any method makes."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgemed_models.machine import logical_cores
from edgemed_native._jit import DIGEST as SOURCES_DIGEST

from edgemed.adapters.naming import Parent, parent_of
from edgemed.errors import UsageError
from edgemed.local_models.loading import Options
from edgemed.merging.parents.opening import files_of, open_parents
from edgemed.merging.plan.plan import Plan, plan_merge
from edgemed.merging.plan.provenance import recipe_text
from edgemed.merging.recipe.recipe import Recipe, Slice, Source
from edgemed.merging.recipe.recipe_file import is_recipe, read_recipe
from edgemed.merging.recipe.settings import Setting
from edgemed.merging.run.progress import Progress
from edgemed.merging.run.run import run_plan
from edgemed.storage.sha256 import sha256_of

ODD = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True, slots=True)
class ByRecipe:
    """A point that has no single t: the file that `recipe` makes. `name` names it in tables, and
    tells it from the others of a sweep. `t`: how far it is from the first parent to the second,
    tensor by tensor; None for any other recipe."""

    name: str
    recipe: Recipe = field(compare=False)
    t: Setting | None = field(default=None, compare=False)

    @property
    def folder(self) -> str:
        """The folder of its results."""
        return f"recipe-{ODD.sub('-', self.name)}"


At = float | ByRecipe
"""A point of a sweep: a t, or what a recipe makes."""


def label(at: At) -> str:
    """A point in the column of a table: its t, or its name."""
    return at.name if isinstance(at, ByRecipe) else f"{at:g}"


def named(at: At) -> dict[str, str | float | None]:
    """A point for programs: what it is called, and its t; None for what a recipe makes."""
    return {"point": label(at), "t": None if isinstance(at, ByRecipe) else at}


def plain(at: At) -> float | str:
    """A point for programs as one value: its t, or its name."""
    return at.name if isinstance(at, ByRecipe) else at


def said(at: At) -> str:
    """A point in a sentence."""
    return at.name if isinstance(at, ByRecipe) else f"t = {at:g}"


def in_order(points: Iterable[At]) -> list[At]:
    """Every point once: by t, then by recipe as they come."""
    every = list(dict.fromkeys(points))
    ts = sorted(at for at in every if not isinstance(at, ByRecipe))
    return [*ts, *(at for at in every if isinstance(at, ByRecipe))]


def row_of(text: str) -> ByRecipe:
    """A point from a recipe file, a model, or MODEL+ADAPTER. UsageError for anything else."""
    parent = parent_of(text)
    if is_recipe(parent):
        assert isinstance(parent, Path)
        return ByRecipe(parent.stem, read_recipe(parent))
    return ByRecipe(parent.name, alone(parent))


def alone(parent: Parent) -> Recipe:
    """A model as it is, its adapters folded in."""
    return Recipe("passthrough", (Slice((Source(parent),)),))


def refuse_same_names(rows: Sequence[ByRecipe]) -> None:
    """UsageError if two rows would have the same name."""
    folders = [row.folder for row in rows]
    for row in rows:
        if folders.count(row.folder) > 1:
            raise UsageError(
                f"two recipes or models of the sweep are called {row.name}",
                "rename one of the files",
            )


def planned(row: ByRecipe, merged: Path, options: Options) -> Plan:
    """The plan of a recipe's file, from headers only."""
    return plan_merge(row.recipe, merged, options.threads or logical_cores(), None)


def make(row: ByRecipe, merged: Path, options: Options, note: Callable[[str], None]) -> None:
    """Write a recipe's file."""

    def report(done: Progress) -> None:
        if done.compiling:
            note(f"compiling {done.compiling}, once")

    run_plan(planned(row, merged, options), report)


def digest_of(row: ByRecipe, hashed: Callable[[Path], str] = sha256_of) -> str:
    """What identifies a recipe's file: its form, its inputs, and how merges are made.
    `hashed` gives the sha256 of a file."""
    inputs = [[p.name, hashed(p)] for p in files_of(open_parents(row.recipe.models))]
    whole = json.dumps([recipe_text(row.recipe), inputs, SOURCES_DIGEST])
    return hashlib.sha256(whole.encode()).hexdigest()
