"""A change by chance beside a sweep: noise of the size of what the chosen merge changes.

It answers the test split beside the parents and the chosen merge, and has no part in the choice. A
merge that is no better than noise of its own size has not earned its place: that is seen here.
"""

from dataclasses import replace
from pathlib import Path

from edgemed_models.machine import logical_cores

from edgemed.adapters.naming import Adapted, Parent, Use
from edgemed.evals.sweeping.point import ByRecipe, alone
from edgemed.merging.parents.opening import open_parent
from edgemed.merging.recipe.recipe import between
from edgemed.merging.recipe.settings import Setting

CONTROL_RANK = 16
CONTROL = "change by chance"


def control(
    a: Parent, b: Parent, t: Setting, seed: int, out: Path, threads: int | None
) -> ByRecipe:
    """The second parent with a change by chance that is as large, matrix by matrix, as what the
    merge at `t` takes from the first one: (1 - t) |A - B|. Norms and biases stay as they are.

    The adapter is written to `out` once, and found there again. Where t differs between tensors,
    the parent with the whole change is mixed with the parent itself by that t.
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
    if isinstance(t, float):
        return ByRecipe(CONTROL, alone(changed(b, out, 1.0 - t)))
    mixed = between(changed(b, out, 1.0), b, t)
    return ByRecipe(CONTROL, replace(mixed, tokenizer="B"))


def changed(b: Parent, adapter: Path, strength: float) -> Adapted:
    """The parent with the adapter over its own."""
    own = b.uses if isinstance(b, Adapted) else ()
    return Adapted(b.model if isinstance(b, Adapted) else b, (*own, Use(adapter, strength)))
