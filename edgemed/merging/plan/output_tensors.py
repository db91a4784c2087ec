"""The tensors of the output, before types are chosen: the sources of each and its method's
parameters."""

from collections.abc import Sequence
from typing import Any

from edgemed.errors import Incompatible, Refused
from edgemed.gguf import Tensor
from edgemed.gguf.tensor_names import block_of, group_of
from edgemed.merging.methods import schema
from edgemed.merging.methods.method import Method
from edgemed.merging.methods.schema import Bound
from edgemed.merging.methods.table import METHODS
from edgemed.merging.parents import shapes, token_rows
from edgemed.merging.parents.vocabulary import Lexicon
from edgemed.merging.plan.outline import Models, OutputPlace, outline
from edgemed.merging.plan.resolved import Resolved
from edgemed.merging.plan.steps import OutputTensor
from edgemed.merging.recipe.filters import Namer, any_filters, idle_filters, namer
from edgemed.merging.recipe.settings import lookup
from edgemed.quantizing.imatrix import Importances
from edgemed.quantizing.mixes import Facts, facts_of

ROPE = "rope_"


def output_tensors_of(asked: Resolved) -> tuple[list[OutputTensor], tuple[str, ...]]:
    """Every output tensor with its sources and its parameters, and notes on filters."""
    recipe, method = asked.recipe, METHODS[asked.recipe.method]
    places = outline(asked.parts, asked.models, recipe.sliced)
    architecture = str(next(iter(asked.models.values())).metadata.get("general.architecture"))
    filtered = any_filters(recipe)
    names = namer(architecture, filtered)
    every = {names(n) for p in places for n in (p.name, *p.names)}
    idle = tuple(idle_filters(recipe, every, architecture)) if filtered else ()
    return [
        output_tensor(asked.models, asked.lexicon, method, place, names) for place in places
    ], idle


def output_tensor(
    models: Models, lexicon: Lexicon, method: Method, place: OutputPlace, names: Namer
) -> OutputTensor:
    """The sources of one tensor, the base first where the method is about deltas."""
    part = place.part
    found = [tensor_of(models, lexicon, place, i) for i in range(len(part.sources))]
    tensors = tuple(found[i] for i in part.order)
    token_rows.refuse_ownerless(place.name, tensors)
    parameters = parameters_of(method, place, names)
    method.check(place.name, **dict(parameters))
    alone = alone_in(method, place.name, parameters)
    if alone is not None and token_rows.has_gaps(tensors[alone]):
        alone = None
    leads = tuple(found[i] for i in sorted(part.own))
    return OutputTensor(place.name, tensors, leads, part.based, parameters, alone)


def alone_in(method: Method, name: str, parameters: Bound) -> int | None:
    """The only source with any weight, if there is just one; rope tables are never mixed."""
    return 0 if name.startswith(ROPE) else method.alone(group_of(name), **dict(parameters))


def parameters_of(method: Method, place: OutputPlace, names: Namer) -> Bound:
    """The method's parameters for this tensor, by mergekit's precedence."""
    part = place.part

    def of_model(key: str, model: int) -> Any:
        source, name = part.sources[part.own[model]], place.names[part.own[model]]
        return lookup(key, (source.parameters, *part.settings), names(name), place.depth)

    def of_all(key: str) -> Any:
        return lookup(key, part.settings, names(place.name), place.depth)

    return schema.bind(method.parameters, len(part.own), of_all, of_model, place.name)


def tensor_of(models: Models, lexicon: Lexicon, place: OutputPlace, source: int) -> Tensor:
    """A source's tensor for this place; Incompatible if it has none of that shape."""
    model, name = models[place.sources[source].model], place.names[source]
    if name not in model.tensors:
        raise Incompatible(
            f"{model.path.name} has no tensor {name}", "all models must hold the same tensors"
        )
    found, lead = model.tensors[name], models[place.sources[0].model].tensors.get(place.names[0])
    if lead is not None and not shapes.fits(found, lead):
        raise Incompatible(
            f"{name} of {model.path.name} has a different shape from {place.names[0]}",
            "only models of the same architecture and shapes can be merged",
        )
    return token_rows.in_order(found, lexicon, model.path)


def facts_for(asked: Resolved, outputs: Sequence[OutputTensor]) -> Facts:
    """What llama.cpp's mixes depend on: facts of the first model, and the output's own blocks.

    Blocks in a new order get new numbers, and importances must use those.
    """
    facts = facts_of(asked.first.metadata, bool(asked.recipe.imatrix))
    if not asked.recipe.sliced:
        return facts
    blocks = (block for output in outputs if (block := block_of(output.name)) is not None)
    layers = 1 + max(blocks, default=-1)
    if asked.importances is not None:
        refuse_other_blocks(asked.importances, layers)
    return facts._replace(layers=layers)


def refuse_other_blocks(importances: Importances, layers: int) -> None:
    """Refuse importances measured on another number of blocks than the output has."""
    measured = 1 + max((b for b in map(block_of, importances.tensors) if b is not None), default=-1)
    if measured != layers:
        raise Refused(
            f"the importance matrix is of {measured} blocks, the output has {layers}",
            "merge without it first, and measure the importances of that output",
        )
