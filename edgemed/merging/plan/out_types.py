"""Which ggml type each output tensor gets: like a parent, one type for all, or a llama.cpp mix.

The mixes are those of `quantizing.mixes`, for the output's own shapes. Vectors, norms, routers and
other tensors that llama.cpp never quantizes keep their type whatever is asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from edgemed_native.ggml_types import BY_NAME, GGMLType

from edgemed.errors import UsageError
from edgemed.gguf import Tensor
from edgemed.gguf.tensor_names import GROUPS, group_of
from edgemed.merging.plan.steps import Content, OutputTensor
from edgemed.merging.recipe.recipe import POLICIES, Recipe
from edgemed.quantizing import mixes
from edgemed.quantizing.fallbacks import Fallback, fallbacks, refuse
from edgemed.quantizing.file_types import FILE_TYPES, MOSTLY
from edgemed.quantizing.imatrix import Importances
from edgemed.quantizing.mixes import Facts, Matrix


class ToWrite(Protocol):
    """A tensor to be written: its name, and the sources that types are taken from."""

    @property
    def name(self) -> str: ...
    @property
    def leads(self) -> tuple[Tensor, ...]: ...


def wanted_types(recipe: Recipe, outputs: Sequence[ToWrite], facts: Facts) -> dict[str, str]:
    """What a recipe asks for by name, of all that llama.cpp would quantize, whether or not it
    fits; UsageError for words that name no type."""
    refuse_unknown_types(recipe, outputs)
    apart = {d.name: name for d in outputs if (name := set_apart(recipe, d.name)) is not None}
    return wanted_beside(recipe.out_type, outputs, facts, apart)


def wanted_beside(
    word: str, outputs: Sequence[ToWrite], facts: Facts, apart: Mapping[str, str]
) -> dict[str, str]:
    """The types that one word stands for, apart from tensors whose type is set by a pattern."""
    usual = [output for output in outputs if is_quantizable(output)]
    apart = {d.name: apart[d.name] for d in usual if d.name in apart}
    if word in FILE_TYPES:
        return mixes.wanted_types(word, facts, [matrix_of(output) for output in usual], apart)
    return {d.name: apart.get(d.name) or policy(word, d) for d in usual}


def out_types(outputs: Sequence[ToWrite], wanted: Mapping[str, str]) -> list[GGMLType]:
    """The output type of every tensor: what is wanted, or what its rows fit."""
    return [
        BY_NAME[
            mixes.fitting(wanted[d.name], d.leads[0].row_length)
            if d.name in wanted
            else kept_type(d)
        ]
        for d in outputs
    ]


def kept_type(output: ToWrite) -> str:
    """The type of what llama.cpp never quantizes: unchanged, or F32 if it is from a checkpoint."""
    lead = output.leads[0]
    return lead.type.name if lead.gathered is None else "F32"


def typed(
    outputs: Sequence[OutputTensor],
    wanted: Mapping[str, str],
    importances: Importances | None,
    fallback: bool,
) -> tuple[Content, list[Fallback]]:
    """All tensors with their types, and those whose rows do not fit the type wanted; these are
    Refused without `fallback`."""
    unfit = type_fallbacks(outputs, wanted)
    if not fallback:
        refuse(unfit)
    return Content(outputs, out_types(outputs, wanted), importances), unfit


def type_fallbacks(outputs: Sequence[ToWrite], wanted: Mapping[str, str]) -> list[Fallback]:
    """The tensors whose rows do not fill the blocks of the type wanted."""
    return fallbacks(wanted, [matrix_of(output) for output in outputs])


def set_apart(recipe: Recipe, name: str) -> str | None:
    """The type of the first pattern that matches this tensor."""
    return next((type for pattern, type in recipe.types if is_meant(pattern, name)), None)


def policy(word: str, output: ToWrite) -> str:
    """One type for all, or the type of one parent, or the largest of all."""
    if word in BY_NAME:
        return word
    if word == "max":
        return max((t.type for t in output.leads), key=lambda t: t.nbytes / t.block).name
    return output.leads[word == "like-b"].type.name


def matrix_of(output: ToWrite) -> Matrix:
    """The tensor as the rules see it."""
    return Matrix(output.name, output.leads[0].shape)


def is_quantizable(output: ToWrite) -> bool:
    """Whether llama.cpp would ever quantize it."""
    return mixes.is_quantizable(matrix_of(output))


def is_meant(pattern: str, name: str) -> bool:
    """Whether a pattern (a group, or part of a name) matches this tensor."""
    return pattern == group_of(name) if pattern in GROUPS else pattern in name


def refuse_unknown_types(recipe: Recipe, outputs: Sequence[ToWrite]) -> None:
    """Every word must name a type, every pattern must match a tensor, and like-b needs a second
    model."""
    word = recipe.out_type
    if word not in (*POLICIES, *FILE_TYPES, *BY_NAME):
        words = ", ".join((*POLICIES, *FILE_TYPES))
        raise UsageError(f"{word!r} is not an output type", f"use a ggml type, or one of {words}")
    if word == "like-b" and any(len(d.leads) < 2 for d in outputs):
        raise UsageError("like-b needs a second model", "use like-a, or a type")
    for pattern, name in recipe.types:
        if name not in BY_NAME:
            raise UsageError(f"{name!r} is not a ggml type", f"use one of {', '.join(BY_NAME)}")
        if not any(is_meant(pattern, d.name) for d in outputs if is_quantizable(d)):
            raise UsageError(
                f"the pattern {pattern!r} matches no tensor whose type can be chosen",
                "it is part of a GGUF tensor's name, or a group; vectors and routers keep theirs",
            )


def file_type_of(
    recipe: Recipe, outputs: Sequence[ToWrite], types: Sequence[GGMLType]
) -> int | None:
    """general.file_type of the output: the mix asked for, else the type of most weights."""
    if recipe.out_type in FILE_TYPES and not recipe.types:
        return FILE_TYPES[recipe.out_type].number
    count: dict[str, int] = {}
    for output, type in zip(outputs, types, strict=True):
        if is_quantizable(output):
            weights = output.leads[0].rows * output.leads[0].row_length
            count[type.name] = count.get(type.name, 0) + weights
    return MOSTLY.get(max(count, key=lambda name: count[name])) if count else None
