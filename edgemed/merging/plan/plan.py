"""From a recipe and headers to a list of steps with every offset decided, before any work.

Reads headers and importance matrices only. All refusals happen here; a plan can be printed,
compared and run.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edgemed_native.codecs import CODECS, obstacle
from edgemed_native.ggml_types import GGMLType

from edgemed.adapters import change
from edgemed.adapters.naming import input_paths
from edgemed.errors import Incompatible, Refused
from edgemed.gguf import Tensor
from edgemed.gguf.trained_rounding import warnings
from edgemed.merging.methods import schema
from edgemed.merging.methods.experts import experts_of
from edgemed.merging.methods.schema import Bound
from edgemed.merging.methods.table import METHODS
from edgemed.merging.names import block_of, group_of
from edgemed.merging.parents import compatibility, shapes, token_rows
from edgemed.merging.parents.opening import files_of, open_parents
from edgemed.merging.parents.vocabulary import TOKENS, Lexicon
from edgemed.merging.plan.fingerprints import Input, input_of
from edgemed.merging.plan.memory import Buffers, Work, plan_buffers
from edgemed.merging.plan.metadata import Types, choice_of, output_metadata
from edgemed.merging.plan.notes import (
    notes_on_importances,
    notes_on_models,
    notes_on_weights,
)
from edgemed.merging.plan.out_types import file_type_of, out_types, type_fallbacks
from edgemed.merging.plan.outline import Models, Place, base_of, leader, outline
from edgemed.merging.plan.placement import Placement, place, refuse_output, refuse_small_disk
from edgemed.merging.recipe import chat_templates
from edgemed.merging.recipe.filters import Namer, any_filters, idle_filters, namer
from edgemed.merging.recipe.recipe import Recipe
from edgemed.merging.recipe.settings import lookup
from edgemed.printable import is_utf8
from edgemed.quantizing import fallbacks
from edgemed.quantizing.imatrix import Importances, of_tensor, read_imatrices, silence
from edgemed.quantizing.mixes import Facts, facts_of

Action = Literal["copy", "requantize", "blend"]
ROPE = "rope_"


class Draft(NamedTuple):
    """A step before its type and place: `leads` are the sources that types are taken from (no
    base), `alone` is the number of the only source that counts, if one alone does."""

    name: str
    sources: tuple[Tensor, ...]
    leads: tuple[Tensor, ...]
    based: bool
    parameters: Bound
    alone: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One output tensor: sources blended, or one source copied or requantized.

    Where `based`, sources[0] is the base of the others. `parameters` are the method's for this
    tensor; values with one number a model leave the base out. `importances` are of the columns of
    each of its matrices, f32[matrices, row length]; None: all columns count alike.
    """

    name: str
    action: Action
    sources: tuple[Tensor, ...]
    based: bool
    type: GGMLType
    method: str
    parameters: Bound
    offset: int
    nbytes: int
    importances: Any = field(default=None, compare=False, repr=False)

    @property
    def weights(self) -> int:
        return self.sources[0].rows * self.sources[0].row_length


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


def plan_merge(
    recipe: Recipe,
    out: Path,
    threads: int,
    max_ram: int | None = None,
    replace: bool = False,
    split: int | None = None,
    fallback: bool = True,
) -> Plan:
    """Decide the whole merge, or refuse. `max_ram` is bytes of buffers; None: their usual size.

    No file of the output will be larger than `split` bytes. Without `fallback` a type that a
    tensor's rows do not fit is Refused.
    """
    inputs = (*(path for parent in recipe.models for path in input_paths(parent)), *recipe.imatrix)
    refuse_output(inputs, out, replace)
    plan = decide(recipe, out, threads, max_ram, replace, split, fallback)
    for shard in plan.placement.shards:
        refuse_output((*inputs, *(i.path for i in plan.inputs)), shard.path, replace)
    refuse_small_disk(out.parent, plan.placement)
    return plan


def decide(
    recipe: Recipe,
    out: Path,
    threads: int,
    max_ram: int | None = None,
    replace: bool = False,
    split: int | None = None,
    fallback: bool = True,
) -> Plan:
    """The plan, whether or not `out` can be written."""
    parents = [path for parent in recipe.models for path in input_paths(parent)]
    refuse_odd_names([*parents, *recipe.imatrix, out])
    models = dict(zip(recipe.models, open_parents(recipe.models), strict=True))
    importances = read_imatrices(recipe.imatrix) if recipe.imatrix else None
    lexicon = compatibility.check_all(list(models.values()), recipe.sliced, choice_of(recipe))
    drafts, idle = draft_steps(recipe, models, lexicon)
    facts = facts_for(recipe, models, drafts)
    if recipe.sliced and importances is not None:
        refuse_other_blocks(importances, facts.layers)
    types = out_types(recipe, drafts, facts)
    unfit = type_fallbacks(recipe, drafts, facts)
    if not fallback:
        fallbacks.refuse(unfit)
    weights = sum(d.sources[0].rows * d.sources[0].row_length for d in drafts)
    told = Types(file_type_of(recipe, drafts, types), any(type.block > 1 for type in types))
    metadata, notes = output_metadata(recipe, models, lexicon, told, weights, importances)
    specs = [(d.name, d.sources[0].shape, t) for d, t in zip(drafts, types, strict=True)]
    placement = place(out, metadata, specs, split)
    steps = tuple(
        settle(recipe, draft, type, offset, importances)
        for draft, type, offset in zip(drafts, types, placement.offsets, strict=True)
    )
    work = [Work(s.sources, s.type, state_bytes(s)) for s in steps if s.action != "copy"]
    held = 0 if importances is None else importances.nbytes
    buffers = plan_buffers(work, threads, max_ram, held)
    inputs = tuple(map(input_of, files_of(models.values())))
    named = chat_templates.named(recipe.chat_template)
    marks = chat_templates.notes_on(named, tokens_of(models, lexicon)) if named else ()
    notes = (
        *recipe.notes,
        *idle,
        *notes_on_models(recipe, models),
        *notes,
        *marks,
        *fallbacks.notes_on(unfit),
        *notes_on_weights(steps),
        *notes_on_importances(steps, importances is not None),
        *(warnings(models.values()) if work else ()),
    )
    sums = () if importances is None else importances.sha256
    return Plan(recipe, out, replace, steps, placement, inputs, buffers, notes, sums)


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


def settle(
    recipe: Recipe, draft: Draft, type: GGMLType, offset: int, importances: Importances | None
) -> Step:
    """The step, now that the output's types and offsets are known."""
    action: Action = "blend"
    sources, based = draft.sources, draft.based
    if draft.alone is not None:
        sources, based = (sources[draft.alone],), False
        as_it_is = sources[0].type == type and not token_rows.is_changed(sources[0])
        action = "copy" if as_it_is else "requantize"
    columns = None
    if action != "copy":
        columns = of_tensor(importances, draft.name, sources[0])
        refuse_types(draft.name, sources, type, importances is not None, columns)
        columns = columns if columns is not None and columns.any() else None
    nbytes = sources[0].rows * type.row_bytes(sources[0].row_length)
    return Step(
        draft.name,
        action,
        sources,
        based,
        type,
        recipe.method,
        draft.parameters,
        offset,
        nbytes,
        columns,
    )


def refuse_odd_names(paths: Iterable[Path]) -> None:
    """Refused: names that are no UTF-8, for the output says by name what it was made of."""
    for path in paths:
        if not is_utf8(path.name):
            raise Refused(f"the name of {path} is no UTF-8 text", "rename the file")


def state_bytes(step: Step) -> int:
    """What the method keeps of a tensor beside the chunk: while it passes over an expert's rows,
    and of all experts."""
    adapters = change.state_bytes(map(token_rows.stored, step.sources))
    if step.action != "blend":
        return adapters
    method, experts = METHODS[step.method], experts_of(step.sources[0])
    rows, length = step.sources[0].rows // experts, step.sources[0].row_length
    shape, parameters = (len(step.sources), rows, length), dict(step.parameters)
    own = method.state(*shape, **parameters) + experts * method.kept(*shape, **parameters)
    return adapters + own


def refuse_types(
    name: str, sources: tuple[Tensor, ...], out: GGMLType, asked: bool, columns: Any
) -> None:
    """Every source must be readable as weights, and the output type writable (`asked`: importances
    were given; `columns`: those of this tensor)."""
    for tensor in sources:
        if CODECS[tensor.type.name].decoder is None:
            raise Refused(
                f"{tensor.path.name}: {tensor.name} is {tensor.type.name}, which holds no weights",
                "such a tensor can only be carried over as it is, from one model (t = 0 or t = 1)",
            )
    why = silence(columns)
    problem = obstacle(out.name, why is None)
    if problem is not None:
        raise Refused(
            f"{name}: {problem}" + (f": {why}" if asked and why else ""),
            "name another type with --out-type, set this tensor apart with --type, "
            "or give --imatrix",
        )
