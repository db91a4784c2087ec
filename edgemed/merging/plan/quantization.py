"""A quantization is a merge of one model: each step copies a tensor, or writes it in another type.

The plan is run like a merge's. The output is still the same model: its metadata is kept, except for
what is no longer true, and says how the file was made.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgemed_native.ggml_types import BY_NAME

from edgemed.adapters.naming import Adapted
from edgemed.errors import UsageError
from edgemed.gguf import SPLIT_KEYS, Model, Tensor, edit_metadata
from edgemed.gguf.loadable.obstacles import refuse_unloadable
from edgemed.gguf.trained_rounding import ONE_TYPE, warnings
from edgemed.merging.parents.opening import open_source
from edgemed.merging.plan import provenance
from edgemed.merging.plan.keys import QUANTIZE, QUANTIZE_PREFIX
from edgemed.merging.plan.metadata import FILE_TYPE, VERSION, Raw
from edgemed.merging.plan.notes import notes_on_importances
from edgemed.merging.plan.out_types import (
    file_type_of,
    is_quantizable,
    typed,
    wanted_beside,
)
from edgemed.merging.plan.placement import Placement, place, place_shards, refuse_output
from edgemed.merging.plan.plan import (
    Plan,
    Target,
    named_files,
    plan_of,
    refuse_odd_names,
    refuse_outputs,
)
from edgemed.merging.plan.steps import Content, OutputTensor, Remedies, Step, settle_all
from edgemed.merging.recipe.recipe import Recipe, of_models
from edgemed.quantizing import fallbacks, imatrix
from edgemed.quantizing.file_types import FILE_TYPES, QUANTIZATION_VERSION
from edgemed.quantizing.imatrix import read_imatrices
from edgemed.quantizing.mixes import facts_of

REMEDIES = Remedies(
    "keep it: choose the type {type} for this tensor",
    "give another output type, another type for this tensor, or an importance matrix",
)

Patterns = Sequence[tuple[str, str]]
"""(regular expression, ggml type): the first that is found in a tensor's name counts."""


def quantization(
    source: Path, type: str, patterns: Patterns = (), imatrix: Sequence[Path] = ()
) -> Recipe:
    """The request: one model, unchanged but in a ggml type or a mix of llama.cpp."""
    types = tuple((pattern, name.upper()) for pattern, name in patterns)
    word, matrices = type.upper(), tuple(imatrix)
    return of_models((source,), "passthrough", out_type=word, types=types, imatrix=matrices)


def plan_quantize(recipe: Recipe, target: Target, keep_split: bool = False) -> Plan:
    """Decide everything, or refuse. With `keep_split`, as many files as the model has."""
    refuse_output(named_files(recipe), target.out, target.replace)
    plan = decide_quantization(recipe, target, keep_split)
    refuse_outputs(plan)
    return plan


def decide_quantization(recipe: Recipe, target: Target, keep_split: bool = False) -> Plan:
    """The plan, without checking that it can be written."""
    refuse_odd_names([*named_files(recipe), target.out])
    model = open_source(source_of(recipe))
    refuse_unloadable(model, written_anew=True)
    importances = read_imatrices(recipe.imatrix) if recipe.imatrix else None
    outputs = [output_tensor_of(tensor) for tensor in in_file_order(model)]
    apart = set_apart(recipe, outputs)
    facts = facts_of(model.metadata, bool(recipe.imatrix))
    wanted = wanted_beside(recipe.out_type, outputs, facts, apart)
    content, unfit = typed(outputs, wanted, importances, target.fallback)
    placement = placed(model, target, metadata_of(recipe, model, content), content, keep_split)
    steps = settle_all(recipe.method, content, placement.offsets, REMEDIES)
    notes = (
        *model.notes,
        *notes_on_types(model, steps),
        *notes_on_importances(steps, importances is not None),
        *fallbacks.notes_on(unfit),
    )
    return plan_of(recipe, target, steps, placement, [model], importances, notes)


def source_of(recipe: Recipe) -> Path:
    """The one file; UsageError for a model with adapters, which is not a file yet."""
    (parent,) = recipe.models
    if isinstance(parent, Adapted):
        raise UsageError(
            f"{parent.name} is a model with adapters, not one file",
            "write it with: edgemed fold MODEL ADAPTER --out-type TYPE -o OUT",
        )
    return parent


def in_file_order(model: Model) -> Iterator[Tensor]:
    """All tensors, those of the first file first."""
    for path in model.paths:
        yield from (tensor for tensor in model.tensors.values() if tensor.path == path)


def output_tensor_of(tensor: Tensor) -> OutputTensor:
    """An output tensor whose only source is the tensor itself."""
    return OutputTensor(tensor.name, (tensor,), (tensor,), False, (("scale", (1.0,)),), 0)


def set_apart(recipe: Recipe, outputs: Sequence[OutputTensor]) -> dict[str, str]:
    """Tensor name -> the type of the first pattern found in it.

    Every word must name a type that weights are stored in, every pattern match something.
    """
    refuse_unknown(recipe)
    names = [output.name for output in outputs if is_quantizable(output)]
    chosen: dict[str, str] = {}
    for pattern, type in recipe.types:
        matching = [name for name in names if expression(pattern).search(name)]
        if not matching:
            raise UsageError(
                f"the pattern {pattern!r} matches no matrix that can be quantized",
                "the pattern is searched for in names such as blk.0.ffn_down.weight",
            )
        chosen = dict.fromkeys(matching, type) | chosen
    return chosen


def refuse_unknown(recipe: Recipe) -> None:
    """UsageError for a word that is neither a ggml type nor, for the whole, a mix."""
    for word in (recipe.out_type, *(type for _, type in recipe.types)):
        is_mix = word in FILE_TYPES and word == recipe.out_type
        if not is_mix and word not in BY_NAME:
            raise UsageError(
                f"{word!r} is not a type", f"use a ggml type, or a mix: {', '.join(FILE_TYPES)}"
            )


def expression(pattern: str) -> re.Pattern[str]:
    """The pattern, or UsageError."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"{pattern!r} is not a regular expression: {error}",
            "a plain part of a name, such as ffn_down, works; put \\ before . ( [ + * ?",
        ) from error


def metadata_of(recipe: Recipe, model: Model, content: Content) -> Raw:
    """The model's metadata, without what is no longer true."""
    keys = provenance.making(QUANTIZE, recipe, [model], content.importances)
    keys[VERSION] = ("uint32", QUANTIZATION_VERSION)
    number = file_type_of(recipe, content.outputs, content.types)
    if number is not None:
        keys[FILE_TYPE] = ("uint32", number)
    stale = {*SPLIT_KEYS, *imatrix.KEYS, FILE_TYPE}
    stale |= {key for key in model.metadata if key.startswith(QUANTIZE_PREFIX)}
    return edit_metadata(model.metadata, keys, stale - set(keys))


def placed(
    model: Model, target: Target, metadata: Raw, content: Content, keep_split: bool
) -> Placement:
    """One file; or, if asked for, enough that none is too large, or as many as the model has."""
    if not keep_split:
        return place(target.out, metadata, content.specs, target.split)
    count = Counter(tensor.path for tensor in model.tensors.values())
    paths = [path for path in model.paths if count[path]]
    ends = [sum(count[path] for path in paths[: n + 1]) for n in range(len(paths))]
    return place_shards(target.out, metadata, content.specs, ends)


def notes_on_types(model: Model, steps: Sequence[Step]) -> Iterator[str]:
    """Weights that are rounded a second time, and weights that were trained for one rounding."""
    changed = [step.sources[0].type for step in steps if step.action != "copy"]
    twice = Counter(type.name for type in changed if type.block > 1)
    if twice:
        names = ", ".join(f"{n} x {name}" for name, n in twice.items())
        yield f"quantized already ({names}): start from F16 or F32 where you can"
    if changed:
        yield from warnings([model], ONE_TYPE)
