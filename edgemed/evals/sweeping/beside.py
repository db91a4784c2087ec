"""A random change as the control of a sweep: noise as large as what the chosen merge changes.

It answers the test split like the parents and the chosen merge, and has no part in the choice. It
shows whether the merge is better than noise of the same size.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from edgemed_models.machine import logical_cores

from edgemed.adapters.adapter import Adapter
from edgemed.adapters.naming import Adapted, Parent, Use
from edgemed.evals.sweeping.point import ByRecipe, alone
from edgemed.evals.sweeping.sweep import NAMES, Way
from edgemed.gguf import Model
from edgemed.gguf.tensor_names import block_of, names_of
from edgemed.merging.parents.opening import open_parent
from edgemed.merging.plan.metadata import FILE_TYPE
from edgemed.merging.plan.outline import block_count, depth_of
from edgemed.merging.recipe.recipe import LIKE_A, as_share
from edgemed.merging.recipe.settings import Setting, evaluate

CONTROL_RANK = 16
CONTROL = "change by chance"


def control(way: Way, t: Setting, seed: int, out: Path, threads: int | None) -> ByRecipe:
    """The second parent with a random change that is as large, matrix by matrix, as what the
    merge at `t` takes from the first one: (1 - t) |A - B|. Norms and biases stay as they are.

    The adapter is written to `out` once, and reused. Where t differs between tensors,
    the adapter itself holds each change by that tensor's t, so `out` is for this t alone. The row
    has the types of the sweep's merges: coarser ones would round the change away.
    """
    from edgemed.adapters.output import files_of as adapter_files
    from edgemed.adapters.output import write_files
    from edgemed.merging.extracting import ExtractSettings, extract, plan_extract

    a, b, single = way.a, way.b, isinstance(t, float)
    if not out.exists():
        plan = plan_extract(a, b, out, threads or logical_cores())
        adapter, _ = extract(
            plan, b, ExtractSettings(CONTROL_RANK, without_vectors=True, control=seed)
        )
        model = open_parent(b)
        write_files(
            out, adapter_files(out, adapter if single else by_tensor(adapter, t, model), model)
        )
    recipe = alone(changed(b, out, 1.0 - t if isinstance(t, float) else 1.0))
    return ByRecipe(CONTROL, replace(recipe, out_type=out_type_of(way)))


def out_type_of(way: Way) -> str:
    """The types of the merges: as asked for, or those of the first parent."""
    asked = way.changes.get("out_type")
    number = open_parent(way.a).metadata.get(FILE_TYPE, -1)
    return str(asked) if asked else NAMES.get(int(number), LIKE_A)


def by_tensor(adapter: Adapter, t: Setting, model: Model) -> Adapter:
    """Every change times 1 - t of its tensor, without those that become 0."""
    blocks, pairs = block_count(model), {}
    for name, pair in adapter.pairs.items():
        block = block_of(name)
        depth = 0.0 if block is None else depth_of(block, blocks)
        value = evaluate(t, names_of(name, adapter.architecture), depth)
        share = np.float32(1.0 - as_share(0.0 if value is None else value))
        if share:
            pairs[name] = replace(pair, b=pair.b * share)
    return replace(adapter, pairs=pairs)


def changed(b: Parent, adapter: Path, strength: float) -> Adapted:
    """The parent with the adapter on top of its own."""
    own = b.uses if isinstance(b, Adapted) else ()
    return Adapted(b.model if isinstance(b, Adapted) else b, (*own, Use(adapter, strength)))
