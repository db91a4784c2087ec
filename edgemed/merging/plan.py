"""From a recipe and headers to a list of steps with every offset decided, before any work.

Reads headers only. All refusals happen here; a plan can be printed, compared and run.
"""

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edgemed_native.codecs import CODECS
from edgemed_native.ggml_types import GGMLType

from edgemed.errors import Incompatible, Refused, UsageError
from edgemed.gguf import Tensor, open_model
from edgemed.merging import compatibility, schema, shapes, token_rows
from edgemed.merging.fingerprints import Input, input_of
from edgemed.merging.memory import Buffers, Work, plan_buffers
from edgemed.merging.metadata import choice_of, output_metadata
from edgemed.merging.method_table import METHODS
from edgemed.merging.names import GROUPS, Names, group_of, names_of
from edgemed.merging.out_types import file_type_of, out_types
from edgemed.merging.outline import Models, Place, base_of, outline
from edgemed.merging.placement import Placement, place
from edgemed.merging.recipe import Recipe
from edgemed.merging.schema import Bound
from edgemed.merging.settings import Filter, lookup, matches, rules
from edgemed.merging.vocabulary import Lexicon
from edgemed.output import part_of

Action = Literal["copy", "requantize", "blend"]
ROPE = "rope_"


Namer = Callable[[str], Names]


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
    tensor; values with one number a model leave the base out.
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

    @property
    def weights(self) -> int:
        return self.sources[0].rows * self.sources[0].row_length


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided: what to write where, from which files, in how much memory."""

    recipe: Recipe
    out: Path
    replace: bool
    steps: tuple[Step, ...]
    placement: Placement
    inputs: tuple[Input, ...]
    buffers: Buffers
    notes: tuple[str, ...]

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
) -> Plan:
    """Decide the whole merge, or refuse. `max_ram` is bytes of buffers; None: their usual size.

    No file of the output will be larger than `split` bytes.
    """
    refuse_output(recipe, out, replace)
    plan = decide(recipe, out, threads, max_ram, replace, split)
    for shard in plan.placement.shards:
        refuse_output(recipe, shard.path, replace)
    refuse_small_disk(plan)
    return plan


def decide(
    recipe: Recipe,
    out: Path,
    threads: int,
    max_ram: int | None = None,
    replace: bool = False,
    split: int | None = None,
) -> Plan:
    """The plan, whether or not `out` can be written."""
    models = {path: open_model(path) for path in recipe.models}
    lexicon = compatibility.check_all(list(models.values()), recipe.sliced, choice_of(recipe))
    drafts = draft_steps(recipe, models, lexicon)
    types = out_types(recipe, drafts)
    weights = sum(d.sources[0].rows * d.sources[0].row_length for d in drafts)
    file_type = file_type_of(recipe, drafts, types)
    metadata, notes = output_metadata(recipe, models, lexicon, file_type, weights)
    specs = [(d.name, d.sources[0].shape, t) for d, t in zip(drafts, types, strict=True)]
    placement = place(out, metadata, specs, split)
    steps = tuple(
        settle(recipe, draft, type, offset)
        for draft, type, offset in zip(drafts, types, placement.offsets, strict=True)
    )
    work = [Work(s.sources, s.type, state_bytes(s)) for s in steps if s.action != "copy"]
    buffers = plan_buffers(work, threads, max_ram)
    inputs = tuple(input_of(path) for model in models.values() for path in model.paths)
    notes = (*recipe.notes, *notes)
    return Plan(recipe, out, replace, steps, placement, inputs, buffers, notes)


def draft_steps(recipe: Recipe, models: Models, lexicon: Lexicon) -> list[Draft]:
    """Every output tensor with its sources and its parameters."""
    places = outline(recipe, models)
    architecture = str(next(iter(models.values())).metadata.get("general.architecture"))
    names = namer(architecture, any_filters(recipe))
    refuse_idle_filters(recipe, {names(n) for p in places for n in (p.name, *p.names)})
    return [draft(recipe, models, lexicon, place, names) for place in places]


def namer(architecture: str, with_checkpoint_names: bool) -> Namer:
    """All names of a tensor; those of checkpoints only where a filter may ask for them."""
    if with_checkpoint_names:
        return lambda name: names_of(name, architecture)
    return lambda name: Names(name, None, group_of(name))


def any_filters(recipe: Recipe) -> bool:
    """Whether any setting depends on the names of tensors."""
    return any(rule.pattern for rule in all_rules(recipe))


def all_rules(recipe: Recipe) -> Iterator[Filter]:
    """Every filter of every setting of the recipe."""
    for level in recipe.levels():
        for setting in level.values():
            yield from rules(setting)


def refuse_idle_filters(recipe: Recipe, names: Collection[Names]) -> None:
    """A filter that matches no tensor is a mistake in the recipe."""
    for rule in all_rules(recipe):
        if not any(matches(rule.pattern, name) for name in names):
            raise UsageError(
                f"the filter {rule.pattern!r} matches no tensor",
                "a filter is part of a tensor's GGUF or Hugging Face name, or a group: "
                + ", ".join(GROUPS),
            )


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


def settle(recipe: Recipe, draft: Draft, type: GGMLType, offset: int) -> Step:
    """The step, now that the output's types and offsets are known."""
    action: Action = "blend"
    sources, based = draft.sources, draft.based
    if draft.alone is not None:
        sources, based = (sources[draft.alone],), False
        action = "copy" if sources[0].type == type else "requantize"
    if action != "copy":
        refuse_types(sources, type)
    nbytes = sources[0].rows * type.row_bytes(sources[0].row_length)
    return Step(
        draft.name, action, sources, based, type, recipe.method, draft.parameters, offset, nbytes
    )


def state_bytes(step: Step) -> int:
    """What the method keeps of a tensor beside the chunk."""
    if step.action != "blend":
        return 0
    rows, length = step.sources[0].rows, step.sources[0].row_length
    return METHODS[step.method].state(len(step.sources), rows, length, **dict(step.parameters))


def refuse_types(sources: tuple[Tensor, ...], out: GGMLType) -> None:
    """Every source must be readable as weights, and the output type writable."""
    for tensor in sources:
        if CODECS[tensor.type.name].decoder is None:
            raise Refused(
                f"{tensor.path.name}: {tensor.name} is {tensor.type.name}, which holds no weights",
                "such a tensor can only be carried over as it is, from one model (t = 0 or t = 1)",
            )
    if CODECS[out.name].encoder is None:
        raise Refused(
            f"{sources[0].name} is {out.name}, a type that cannot be written yet",
            f"writable types: {', '.join(n for n, c in CODECS.items() if c.encoder)}; "
            "download the model in one of them, or name one with --out-type",
        )


def refuse_output(recipe: Recipe, out: Path, replace: bool) -> None:
    """The output may not be an input, nor stand already, and its folder must exist."""
    if not out.parent.is_dir():
        raise Refused(f"there is no folder {out.parent}", "make it, or choose another output")
    for source in recipe.models:
        if out.exists() and source.exists() and out.samefile(source):
            raise Refused(f"the output {out} is one of the inputs", "choose another output")
    if out.is_dir():
        raise Refused(f"the output {out} is a folder", "name a file")
    if out.exists() and not replace:
        raise Refused(
            f"{out} exists already", "choose another output, or add --force to replace it"
        )


def refuse_small_disk(plan: Plan) -> None:
    """The output's exact size must be free where it goes; what an earlier attempt left counts."""
    folder, need = plan.out.parent, plan.placement.total_bytes
    parts = [part_of(shard.path) for shard in plan.placement.shards]
    free = shutil.disk_usage(folder).free + sum(p.stat().st_size for p in parts if p.exists())
    if free < need:
        raise Refused(
            f"{folder} has {free:,} bytes free, the output takes {need:,}",
            "free some space or choose an output on another disk",
        )
