"""Recipes with names: published schedules and the plainest merge."""

from collections.abc import Callable, Sequence
from pathlib import Path

from edgemed.errors import UsageError
from edgemed.merging.recipe import Recipe, Slice, Source
from edgemed.merging.settings import Filter


def bio_slerp(models: Sequence[Path]) -> Recipe:
    """The published schedule of BioMistral-7B-SLERP: the clinical model first, the instruct model
    second; attention and feed-forward go opposite ways through the depth (arXiv 2402.10373)."""
    if len(models) != 2:
        raise UsageError("bio-slerp takes a clinical and an instruct model", "name these two")
    t = (
        Filter("attn", (0.0, 0.5, 0.3, 0.7, 1.0)),
        Filter("ffn", (1.0, 0.5, 0.7, 0.3, 0.0)),
        Filter(None, 0.5),
    )
    sources = tuple(Source(model) for model in models)
    return Recipe("slerp", (Slice(sources),), models[1], {"t": t})


def uniform(models: Sequence[Path]) -> Recipe:
    """The mean of all models."""
    return Recipe("linear", (Slice(tuple(Source(m) for m in models)),), parameters={"weight": 1.0})


PRESETS: dict[str, Callable[[Sequence[Path]], Recipe]] = {
    "bio-slerp": bio_slerp,
    "uniform": uniform,
}
