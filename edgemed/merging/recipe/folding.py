"""A fold as a recipe: one model with its adapters, by passthrough."""

from collections.abc import Sequence
from pathlib import Path

from edgemed.adapters.naming import Adapted, Use
from edgemed.merging.recipe.recipe import Recipe, Slice, Source


def folding(model: Path, uses: Sequence[Use]) -> Recipe:
    """`model` with the adapters of `uses` applied, one after the other."""
    return Recipe("passthrough", (Slice((Source(Adapted(model, tuple(uses))),)),))
