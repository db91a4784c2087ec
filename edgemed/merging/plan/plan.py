"""From a recipe and headers to a list of steps with every offset decided, before any work.

Reads headers and importance matrices only. All refusals happen here; a plan can be printed,
compared and run.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.errors import Incompatible, Refused
from edgemed.gguf import Model, Tensor, open_models
from edgemed.gguf.trained_rounding import warnings
from edgemed.merging.methods import schema
from edgemed.merging.methods.schema import Bound
from edgemed.merging.methods.table import METHODS
from edgemed.merging.names import block_of, group_of
from edgemed.merging.parents import compatibility, shapes, token_rows
from edgemed.merging.parents.vocabulary import TOKENS, Lexicon
from edgemed.merging.plan.fingerprints import Input, input_of
from edgemed.merging.plan.memory import Buffers, Work, plan_buffers
from edgemed.merging.plan.metadata import Types, choice_of, output_metadata
from edgemed.merging.plan.notes import (
    notes_on_importances,
    notes_on_models,
    notes_on_weights,
)
from edgemed.merging.plan.out_types import (
    file_type_of,
    out_types,
    type_fallbacks,
    wanted_types,
)
from edgemed.merging.plan.outline import Models, Place, base_of, leader, outline
from edgemed.merging.plan.placement import Placement, place, refuse_output, refuse_small_disk
from edgemed.merging.plan.steps import Content, Draft, Remedies, Step, settle_all, state_bytes
from edgemed.merging.recipe import chat_templates
from edgemed.merging.recipe.filters import Namer, any_filters, idle_filters, namer
from edgemed.merging.recipe.recipe import Recipe
from edgemed.merging.recipe.settings import lookup
from edgemed.printable import is_utf8
from edgemed.quantizing import fallbacks
from edgemed.quantizing.imatrix import Importances, read_imatrices
from edgemed.quantizing.mixes import Facts, facts_of

ROPE = "rope_"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided: what to write where, from which files, in how much memory.

    `imatrix` has the sha256 of every importance matrix.
    """

    recipe: Recipe
    out: Path
    replace: bool
    steps: tuple[Step, ...]
    placement: Placement
    inputs: tuple[Input, ...]
    buffers: Buffers
    notes: tuple[str, ...]
    imatrix: tuple[str, ...] = ()

    @property
    def weights(self) -> int:
        return sum(step.weights for step in self.steps)


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
    "such a tensor can only be carried over as it is, from one model (t = 0 or t = 1)",
    "name another type with --out-type, set this tensor apart with --type, or give --imatrix",
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
    """Decide the whole merge, or refuse; see Target for the limits."""
    refuse_output((*recipe.models, *recipe.imatrix), out, replace)
    plan = decide(recipe, Target(out, threads, max_ram, replace, split, fallback))
    refuse_outputs(plan)
    return plan


def refuse_outputs(plan: Plan) -> None:
    """No file of the output may be one of any input, nor stand already; the disk must hold all."""
    inputs = [*(input.path for input in plan.inputs), *plan.recipe.imatrix]
    for shard in plan.placement.shards:
        refuse_output(inputs, shard.path, plan.replace)
    refuse_small_disk(plan.out.parent, plan.placement)


def decide(recipe: Recipe, target: Target) -> Plan:
    """The plan, whether or not it can be written where it goes."""
    refuse_odd_names([*recipe.models, *recipe.imatrix, target.out])
    models = dict(zip(recipe.models, open_models(recipe.models), strict=True))
    importances = read_imatrices(recipe.imatrix) if recipe.imatrix else None
    lexicon = compatibility.check_all(list(models.values()), recipe.sliced, choice_of(recipe))
    drafts, idle = draft_steps(recipe, models, lexicon)
    facts = facts_for(recipe, models, drafts)
    if recipe.sliced and importances is not None:
        refuse_other_blocks(importances, facts.layers)
    wanted = wanted_types(recipe, drafts, facts)
    types, unfit = out_types(drafts, wanted), type_fallbacks(drafts, wanted)
    if not target.fallback:
        fallbacks.refuse(unfit)
    content = Content(drafts, types, importances)
    told = Types(file_type_of(recipe, drafts, types), any(type.block > 1 for type in types))
    metadata, notes = output_metadata(recipe, models, lexicon, told, content.weights, importances)
    placement = place(target.out, metadata, content.specs, target.split)
    steps = settle_all(recipe.method, content, placement.offsets, REMEDIES)
    named = chat_templates.named(recipe.chat_template)
    marks = chat_templates.notes_on(named, tokens_of(models, lexicon)) if named else ()
    changed = any(step.action != "copy" for step in steps)
    notes = (
        *recipe.notes,
        *idle,
        *notes_on_models(recipe, models),
        *notes,
        *marks,
        *fallbacks.notes_on(unfit),
        *notes_on_weights(steps),
        *notes_on_importances(steps, importances is not None),
        *(warnings(models.values()) if changed else ()),
    )
    return plan_of(recipe, target, steps, placement, models.values(), importances, notes)


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
        placement,
        tuple(input_of(path) for model in models for path in model.paths),
        plan_buffers(work, target.threads, target.max_ram, held),
        notes,
        () if importances is None else importances.sha256,
    )


def tokens_of(models: Models, lexicon: Lexicon) -> Collection[str]:
    """The output's vocabulary."""
    if TOKENS in lexicon.replace:
        return set(lexicon.replace[TOKENS][1])
    host = next(m for m in models.values() if m.paths[0] == lexicon.host)
    return set(host.metadata.get(TOKENS, ()))


def facts_for(recipe: Recipe, models: Models, drafts: Sequence[Draft]) -> Facts:
    """What llama.cpp's mixes ask of the output: the first model's facts, and its own blocks."""
    metadata = models[leader(recipe, recipe.slices[0]).model].metadata
    facts = facts_of(metadata, bool(recipe.imatrix))
    if not recipe.sliced:
        return facts
    blocks = (block for draft in drafts if (block := block_of(draft.name)) is not None)
    return facts._replace(layers=1 + max(blocks, default=-1))


def refuse_other_blocks(importances: Importances, layers: int) -> None:
    """Blocks that are stacked anew have new numbers, which the importances must go by."""
    measured = 1 + max((b for b in map(block_of, importances.tensors) if b is not None), default=-1)
    if measured != layers:
        raise Refused(
            f"the importance matrix is of {measured} blocks, the output has {layers}",
            "merge without it first, and measure the importances of that output",
        )


def draft_steps(
    recipe: Recipe, models: Models, lexicon: Lexicon
) -> tuple[list[Draft], tuple[str, ...]]:
    """Every output tensor with its sources and its parameters, and what to say of filters."""
    places = outline(recipe, models)
    architecture = str(next(iter(models.values())).metadata.get("general.architecture"))
    filtered = any_filters(recipe)
    names = namer(architecture, filtered)
    every = {names(n) for p in places for n in (p.name, *p.names)}
    idle = tuple(idle_filters(recipe, every, architecture)) if filtered else ()
    return [draft(recipe, models, lexicon, place, names) for place in places], idle


def draft(recipe: Recipe, models: Models, lexicon: Lexicon, place: Place, names: Namer) -> Draft:
    """The sources of one tensor, the base first where the method is about deltas."""
    method, base = METHODS[recipe.method], base_of(recipe, place.part)
    order = sorted(range(len(place.sources)), key=lambda i: place.sources[i].model != base)
    if method.base == "none" or base is None:
        order = list(range(len(place.sources)))
    based = base is not None and method.base in ("required", "optional")
    tensors = tuple(tensor_of(models, lexicon, place, i) for i in order)
    token_rows.refuse_ownerless(place.name, tensors)
    own = order[based:]
    parameters = parameters_of(recipe, place, own, names)
    method.check(place.name, **dict(parameters))
    if place.name.startswith(ROPE):
        alone: int | None = 0
    else:
        alone = method.alone(group_of(place.name), **dict(parameters))
    if alone is not None and token_rows.has_gaps(tensors[alone]):
        alone = None
    leads = tuple(tensor_of(models, lexicon, place, i) for i in sorted(own))
    return Draft(place.name, tensors, leads, based, parameters, alone)


def parameters_of(recipe: Recipe, place: Place, own: Sequence[int], names: Namer) -> Bound:
    """The method's parameters for this tensor, by mergekit's precedence."""
    shared = (place.part.parameters, recipe.parameters)

    def of_model(key: str, model: int) -> Any:
        source, name = place.sources[own[model]], place.names[own[model]]
        return lookup(key, (source.parameters, *shared), names(name), place.depth)

    def of_all(key: str) -> Any:
        return lookup(key, shared, names(place.name), place.depth)

    known = METHODS[recipe.method].parameters
    return schema.bind(known, len(own), of_all, of_model, place.name)


def tensor_of(models: Models, lexicon: Lexicon, place: Place, source: int) -> Tensor:
    """The tensor that a source puts in this place; Incompatible if it has none of that shape."""
    model, name = models[place.sources[source].model], place.names[source]
    if name not in model.tensors:
        raise Incompatible(
            f"{model.paths[0].name} has no tensor {name}", "all models must hold the same tensors"
        )
    found, lead = model.tensors[name], models[place.sources[0].model].tensors.get(place.names[0])
    if lead is not None and not shapes.fits(found, lead):
        raise Incompatible(
            f"{name} of {model.paths[0].name} has another shape than {place.names[0]}",
            "only models of the same architecture and shapes can be merged",
        )
    return token_rows.in_order(found, lexicon, model.paths[0])


def refuse_odd_names(paths: Iterable[Path]) -> None:
    """Refused: names that are no UTF-8, for the output says by name what it was made of."""
    for path in paths:
        if not is_utf8(path.name):
            raise Refused(f"the name of {path} is no UTF-8 text", "rename the file")
