"""Which tensors the output has, and which tensors of which models each is made from.

Blocks are renumbered over all slices of a recipe; the tensors around them come from the first
slice (embeddings) and the last (final norm, head). Names only: no types, no parameters.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from edgemed.adapters.naming import Parent
from edgemed.errors import Refused, UsageError
from edgemed.gguf import Model
from edgemed.gguf.tensor_names import before_blocks, block_of, in_block
from edgemed.merging.methods.table import METHODS
from edgemed.merging.recipe.recipe import Recipe, Slice, Source
from edgemed.merging.recipe.settings import Settings

Models = Mapping[Parent, Model]

MOST_BLOCKS = 512
"""Blocks that llama.cpp gives a model (LLAMA_MAX_LAYERS); each costs time and memory to plan."""


class ResolvedSlice(NamedTuple):
    """A slice, with what is the same for all of its tensors.

    `sources` has the base as well; `order` is their numbers as the method takes them, the base
    first where the method is about deltas (`based`) or mixes a base with another. `lead` is the
    source whose list of tensors and types leads: the first that is not a base of deltas. `settings`
    are those of all its models, the nearest first.
    """

    sources: tuple[Source, ...]
    order: tuple[int, ...]
    based: bool
    lead: Source
    settings: tuple[Settings, ...]

    @property
    def own(self) -> tuple[int, ...]:
        """The numbers of the models, without a base of deltas."""
        return self.order[self.based :]


class OutputPlace(NamedTuple):
    """An output tensor: its name, its slice, its depth there (0 to 1; 0 outside the blocks), and
    the name it is made from in every source of the slice."""

    name: str
    part: ResolvedSlice
    depth: float
    names: tuple[str, ...]

    @property
    def sources(self) -> tuple[Source, ...]:
        return self.part.sources


def slices_of(recipe: Recipe) -> tuple[ResolvedSlice, ...]:
    """The slices of a recipe, in order."""
    return tuple(resolved_slice(recipe, part) for part in recipe.slices)


def resolved_slice(recipe: Recipe, part: Slice) -> ResolvedSlice:
    """One slice; its base is its own, or the recipe's."""
    wanted, base = METHODS[recipe.method].base, part.base or recipe.base
    sources = with_base(recipe, part, base)
    based = base is not None and wanted in ("required", "optional")
    numbers = list(range(len(sources)))
    if wanted != "none" and base is not None:
        numbers.sort(key=lambda i: sources[i].model != base)
    others = (source for source in sources if not (based and source.model == base))
    lead = next(others, sources[0])
    return ResolvedSlice(sources, tuple(numbers), based, lead, (part.parameters, recipe.parameters))


def outline(parts: Sequence[ResolvedSlice], models: Models, sliced: bool) -> list[OutputPlace]:
    """Every output tensor, in the order in which they are written."""
    if not sliced:
        return list(whole(parts[0], models[parts[0].lead.model]))
    for source in (source for part in parts for source in part.sources):
        refuse_layers(source, models[source.model])
    refuse_many(sum(map(slice_length, parts)))
    first, last = (models[parts[i].lead.model] for i in (0, -1))
    around = [name for name in first.tensors if block_of(name) is None]
    places = [outside(name, parts[0]) for name in around if before_blocks(name)]
    done = 0
    for part in parts:
        places += blocks(part, models[part.lead.model], done)
        done += slice_length(part)
    after = (name for name in last.tensors if block_of(name) is None and not before_blocks(name))
    return places + [outside(name, parts[-1]) for name in after]


def with_base(recipe: Recipe, part: Slice, base: Parent | None) -> tuple[Source, ...]:
    """The sources, the base among them; whole models need not list it."""
    wanted = METHODS[recipe.method].base
    listed = any(source.model == base for source in part.sources)
    if base is None:
        if wanted in ("required", "first of two"):
            raise UsageError(
                f"{recipe.method} needs a base model",
                "name the base model; a recipe file calls it base_model",
            )
        return part.sources
    if listed or (recipe.sliced and wanted == "none"):
        return part.sources
    if recipe.sliced:
        raise UsageError(
            f"the base {base.name} is not among the sources of a slice",
            "give it there with its layer_range",
        )
    return (*part.sources, Source(base))


def whole(part: ResolvedSlice, lead: Model) -> Iterator[OutputPlace]:
    """All tensors of whole models, in the order of `lead`."""
    count = block_count(lead)
    for name in lead.tensors:
        block = block_of(name)
        depth = 0.0 if block is None else depth_of(block, count)
        yield OutputPlace(name, part, depth, (name,) * len(part.sources))


def blocks(part: ResolvedSlice, model: Model, done: int) -> Iterator[OutputPlace]:
    """The blocks of one slice, numbered from `done`, each with the tensors of the lead's block."""
    assert part.lead.layers is not None
    start = part.lead.layers[0]
    for i in range(slice_length(part)):
        for name in (n for n in model.tensors if block_of(n) == start + i):
            names = tuple(in_block(name, s.layers[0] + i) for s in part.sources if s.layers)
            depth = depth_of(i, slice_length(part))
            yield OutputPlace(in_block(name, done + i), part, depth, names)


def refuse_layers(source: Source, model: Model) -> None:
    """A layer_range may not end after the model's last block."""
    if source.layers is not None and source.layers[1] > block_count(model):
        raise Refused(
            f"{source.model.name} has {block_count(model)} blocks, but layer_range is "
            f"{source.layers[0]} to {source.layers[1]}",
            "layer_range is [first, end], counted from 0, and end is not included",
        )


def refuse_many(count: int) -> None:
    """Refuse more blocks than llama.cpp runs."""
    if count > MOST_BLOCKS:
        raise Refused(
            f"the slices make a model of {count:,} blocks, llama.cpp runs at most {MOST_BLOCKS}",
            "leave slices out, or make their layer_range shorter",
        )


def outside(name: str, part: ResolvedSlice) -> OutputPlace:
    """A tensor outside the blocks: every gradient has the value of its first anchor."""
    return OutputPlace(name, part, 0.0, (name,) * len(part.sources))


def depth_of(block: int, count: int) -> float:
    """0 for the first block of a slice, 1 for its last (and for an only one)."""
    return block / (count - 1) if count > 1 else 1.0


def block_count(model: Model) -> int:
    """How many blocks the tensors of a model are numbered by."""
    return max((b + 1 for b in map(block_of, model.tensors) if b is not None), default=0)


def slice_length(part: ResolvedSlice) -> int:
    """Blocks of a slice; Refused if its sources disagree."""
    lengths = {s.layers[1] - s.layers[0] for s in part.sources if s.layers is not None}
    if len(lengths) != 1 or any(s.layers is None for s in part.sources):
        raise Refused(
            "the sources of a slice have different numbers of layers",
            "every layer_range of a slice must be equally long",
        )
    return lengths.pop()
