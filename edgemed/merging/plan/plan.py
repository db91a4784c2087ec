"""From a recipe and headers to a list of steps with every offset decided, before any work.

Reads headers and importance matrices only. All refusals happen here; a plan can be printed,
compared and run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgemed.adapters.naming import input_paths
from edgemed.errors import Refused
from edgemed.gguf import Model
from edgemed.merging.parents.opening import files_of
from edgemed.merging.plan.fingerprints import Input, input_of
from edgemed.merging.plan.memory import Buffers, Work, plan_buffers
from edgemed.merging.plan.metadata import output_metadata
from edgemed.merging.plan.notes import notes_on_merge
from edgemed.merging.plan.out_types import typed, wanted_types
from edgemed.merging.plan.output_tensors import facts_for, output_tensors_of
from edgemed.merging.plan.placement import Placement, place, refuse_output, refuse_small_disk
from edgemed.merging.plan.resolved import resolve
from edgemed.merging.plan.steps import Remedies, Step, settle_all, state_bytes
from edgemed.merging.recipe.recipe import Recipe
from edgemed.printable import is_utf8
from edgemed.quantizing import fallbacks
from edgemed.quantizing.imatrix import Importances


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided: what to write where, from which files, in how much memory.

    `weights` are those of all steps; `imatrix` has the sha256 of every importance matrix.
    """

    recipe: Recipe
    out: Path
    replace: bool
    steps: tuple[Step, ...]
    weights: int
    placement: Placement
    inputs: tuple[Input, ...]
    buffers: Buffers
    notes: tuple[str, ...]
    imatrix: tuple[str, ...] = ()


class Target(NamedTuple):
    """Where an output goes, and under which limits.

    `max_ram` is bytes of buffers (None: their usual size). No file will be larger than `split`
    bytes. Without `fallback` a type that a tensor's rows do not fit is Refused.
    """

    out: Path
    threads: int
    max_ram: int | None = None
    replace: bool = False
    split: int | None = None
    fallback: bool = True


REMEDIES = Remedies(
    "such a tensor can only be copied from one model (t = 0 or t = 1)",
    "give another output type, another type for this tensor, or an importance matrix",
)


def plan_merge(
    recipe: Recipe,
    out: Path,
    threads: int,
    max_ram: int | None = None,
    replace: bool = False,
    split: int | None = None,
    fallback: bool = True,
) -> Plan:
    """Plan the whole merge, or refuse; see Target for the limits."""
    refuse_output(named_files(recipe), out, replace)
    plan = decide(recipe, Target(out, threads, max_ram, replace, split, fallback))
    refuse_outputs(plan)
    return plan


def named_files(recipe: Recipe) -> list[Path]:
    """Models, adapters and importance matrices, as the recipe names them."""
    parents = (path for parent in recipe.models for path in input_paths(parent))
    return [*parents, *recipe.imatrix]


def refuse_outputs(plan: Plan) -> None:
    """No output file may be an input or exist already; the disk must hold all of them."""
    inputs = [*(input.path for input in plan.inputs), *named_files(plan.recipe)]
    for shard in plan.placement.shards:
        refuse_output(inputs, shard.path, plan.replace)
    refuse_small_disk(plan.out.parent, plan.placement)


def decide(recipe: Recipe, target: Target) -> Plan:
    """The plan, without checking that it can be written."""
    refuse_odd_names([*named_files(recipe), target.out])
    asked = resolve(recipe)
    outputs, idle = output_tensors_of(asked)
    wanted = wanted_types(recipe, outputs, facts_for(asked, outputs))
    content, unfit = typed(outputs, wanted, asked.importances, target.fallback)
    metadata, said = output_metadata(asked, content)
    placement = place(target.out, metadata, content.specs, target.split)
    steps = settle_all(recipe.method, content, placement.offsets, REMEDIES)
    notes = (*recipe.notes, *idle, *said, *fallbacks.notes_on(unfit), *notes_on_merge(asked, steps))
    return plan_of(
        recipe, target, steps, placement, asked.models.values(), asked.importances, notes
    )


def plan_of(
    recipe: Recipe,
    target: Target,
    steps: tuple[Step, ...],
    placement: Placement,
    models: Iterable[Model],
    importances: Importances | None,
    notes: tuple[str, ...],
) -> Plan:
    """The plan of these steps, with what is read and the memory that it takes."""
    work = [Work(s.sources, s.type, state_bytes(s)) for s in steps if s.action != "copy"]
    held = 0 if importances is None else importances.nbytes
    return Plan(
        recipe,
        target.out,
        target.replace,
        steps,
        sum(step.weights for step in steps),
        placement,
        tuple(map(input_of, files_of(models))),
        plan_buffers(work, target.threads, target.max_ram, held),
        notes,
        () if importances is None else importances.sha256,
    )


def refuse_odd_names(paths: Iterable[Path]) -> None:
    """Refuse names that are not UTF-8: the output's metadata names the files it was made from."""
    for path in paths:
        if not is_utf8(path.name):
            raise Refused(f"the name of {path} is not valid UTF-8", "rename the file")
