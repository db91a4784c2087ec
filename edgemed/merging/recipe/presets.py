"""Recipes with names: published schedules and the plainest merge."""

from collections.abc import Callable, Sequence

from edgemed.adapters.naming import Parent
from edgemed.errors import UsageError
from edgemed.merging.recipe.recipe import Recipe, Slice, Source
from edgemed.merging.recipe.settings import Filter


def bio_slerp(models: Sequence[Parent]) -> Recipe:
    """The published schedule of BioMistral-7B-SLERP: the clinical model first, the instruct model
    second; attention and feed-forward go opposite ways through the depth (arXiv 2402.10373)."""
    if len(models) != 2:
        raise UsageError(
            "bio-slerp takes a clinical and an instruct model",
            "name two models: clinical, then instruct",
        )
    t = (
        Filter("attn", (0.0, 0.5, 0.3, 0.7, 1.0)),
        Filter("ffn", (1.0, 0.5, 0.7, 0.3, 0.0)),
        Filter(None, 0.5),
    )
    sources = tuple(Source(model) for model in models)
    return Recipe("slerp", (Slice(sources),), models[1], {"t": t})


def instruction_residual(models: Sequence[Parent]) -> Recipe:
    """The clinical model plus what instruction tuning added to their base (arXiv 2410.10739)."""
    if len(models) != 3:
        raise UsageError(
            "instruction-residual takes a clinical model, an instruct model and their base",
            "name three models in this order: clinical, instruct, base",
        )
    sources = tuple(Source(model) for model in models[:2])
    return Recipe("instruction_residual", (Slice(sources),), models[2])


def uniform(models: Sequence[Parent]) -> Recipe:
    """The mean of all models."""
    return Recipe("linear", (Slice(tuple(Source(m) for m in models)),), parameters={"weight": 1.0})


PRESETS: dict[str, Callable[[Sequence[Parent]], Recipe]] = {
    "bio-slerp": bio_slerp,
    "instruction-residual": instruction_residual,
    "uniform": uniform,
}
