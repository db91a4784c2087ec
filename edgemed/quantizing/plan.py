"""From a model's headers to every tensor's new type and place, before any work.

All refusals happen here; a plan can be printed and run. Without a split the output is one file;
with it, one file for each of the model's own, named as llama.cpp names shards.
"""

import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_native.codecs import CODECS, obstacle
from edgemed_native.ggml_types import BY_NAME, GGMLType

from edgemed.errors import Refused, UsageError
from edgemed.gguf import SPLIT_KEYS, Layout, Model, Tensor, edit_metadata, open_model, plan_layout
from edgemed.gguf.loadable.obstacles import refuse_unloadable
from edgemed.gguf.trained_rounding import ONE_TYPE, warnings
from edgemed.gguf.values import encode
from edgemed.quantizing import fallbacks, imatrix, mixes
from edgemed.quantizing.file_types import FILE_TYPES, MOSTLY, QUANTIZATION_VERSION
from edgemed.quantizing.mixes import Matrix, facts_of, fitting, is_quantizable
from edgemed.storage.output import part_of
from edgemed.storage.place import refuse_inputs, refuse_place

Keys = dict[str, tuple[str, Any]]
"""Metadata key -> (kind, value)."""


class Wish(NamedTuple):
    """What the user asks for: a ggml type or file type, and (regex, type) pairs that go before it.

    `importances` are None where no matrix was given. Without `fallback` a type that a tensor's rows
    do not fit is Refused.
    """

    type: str
    patterns: tuple[tuple[str, str], ...] = ()
    importances: imatrix.Importances | None = None
    keep_split: bool = False
    fallback: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One tensor, its new type, and its offset, counted through all output files.

    Rows of each of its matrices share importances f32[matrices, row length]; None: all columns
    count alike.
    """

    source: Tensor
    type: GGMLType
    offset: int
    importances: Any

    @property
    def copied(self) -> bool:
        return self.source.type == self.type

    @property
    def weights(self) -> int:
        return self.source.rows * self.source.row_length

    @property
    def nbytes(self) -> int:
        return self.source.rows * self.type.row_bytes(self.source.row_length)


class OutFile(NamedTuple):
    path: Path
    layout: Layout


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided: what to write where, and lines the user should read."""

    files: tuple[OutFile, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    replace: bool = False

    @property
    def weights(self) -> int:
        return sum(step.weights for step in self.steps)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each file starts when they are laid one after the other."""
        return tuple(accumulate((f.layout.total_bytes for f in self.files[:-1]), initial=0))

    @property
    def nbytes(self) -> int:
        return sum(file.layout.total_bytes for file in self.files)


def plan_quantize(source: Path, out: Path, wish: Wish, replace: bool = False) -> Plan:
    """Decide everything, or refuse."""
    model = open_model(source)
    refuse_unloadable(model, written_anew=True)
    types = types_of(model, wish)
    unfit = fallbacks.fallbacks(wanted_types(model, wish), matrices_of(model))
    if not wish.fallback:
        fallbacks.refuse(unfit)
    refuse_types(model, types, wish)
    groups = file_groups(model, wish.keep_split)
    paths = out_paths(out, len(groups))
    refuse_outputs(paths, model, replace)
    files: list[OutFile] = []
    steps: list[Step] = []
    for number, (path, tensors) in enumerate(zip(paths, groups, strict=True)):
        raw = first_metadata(model, types, wish) if number == 0 else {}
        if len(groups) > 1:
            raw |= shard_keys(number, len(groups), len(model.tensors))
        specs = [(t.name, t.shape, BY_NAME[types[t.name]]) for t in tensors]
        start, layout = sum(f.layout.total_bytes for f in files), plan_layout(raw, specs)
        files.append(OutFile(path, layout))
        for tensor, (_, _, type), offset in zip(tensors, specs, layout.offsets, strict=True):
            found = importances_of(wish.importances, tensor, type)
            found = found if found is not None and found.any() else None
            steps.append(Step(tensor, type, start + offset, found))
    refuse_small_disk(out.parent, files)
    notes = (*notes_on(model, steps, wish), *fallbacks.notes_on(unfit))
    return Plan(tuple(files), tuple(steps), notes, replace)


def types_of(model: Model, wish: Wish) -> dict[str, str]:
    """Tensor name -> ggml type, for all tensors."""
    wanted = wanted_types(model, wish)
    return {
        name: fitting(wanted[name], tensor.row_length) if name in wanted else tensor.type.name
        for name, tensor in model.tensors.items()
    }


def wanted_types(model: Model, wish: Wish) -> dict[str, str]:
    """Matrix name -> the type asked for, whether or not its rows fill the type's blocks."""
    refuse_unknown(wish)
    matrices = [matrix for matrix in matrices_of(model) if is_quantizable(matrix)]
    apart = set_apart(wish.patterns, matrices)
    if wish.type in FILE_TYPES:
        facts = facts_of(model.metadata, wish.importances is not None)
        return mixes.wanted_types(wish.type, facts, matrices, apart)
    return {m.name: apart.get(m.name, wish.type) for m in matrices}


def matrices_of(model: Model) -> list[Matrix]:
    """All tensors, as the rules see them."""
    return [Matrix(tensor.name, tensor.shape) for tensor in model.tensors.values()]


def refuse_unknown(wish: Wish) -> None:
    """Every word must name a type that weights are stored in."""
    for word in (wish.type, *(name for _, name in wish.patterns)):
        is_mix = word in FILE_TYPES and word == wish.type
        if not is_mix and word not in BY_NAME:
            raise UsageError(
                f"{word!r} is no type", f"use a ggml type, or a mix: {', '.join(FILE_TYPES)}"
            )


def set_apart(patterns: Sequence[tuple[str, str]], matrices: Sequence[Matrix]) -> dict[str, str]:
    """Matrix name -> the type of the first pattern found in it; a pattern must match something."""
    chosen: dict[str, str] = {}
    for pattern, name in patterns:
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise UsageError(
                f"{pattern!r} is no regular expression: {error}",
                "a plain part of a name, such as ffn_down, is one; put \\ before . ( [ + * ?",
            ) from error
        matching = [m.name for m in matrices if expression.search(m.name)]
        if not matching:
            raise UsageError(
                f"the pattern {pattern!r} matches no matrix that can be quantized",
                "it is searched in names such as blk.0.ffn_down.weight",
            )
        chosen = dict.fromkeys(matching, name) | chosen
    return chosen


def refuse_types(model: Model, types: Mapping[str, str], wish: Wish) -> None:
    """Every tensor that changes must be readable as weights, and its new type writable."""
    for name, tensor in model.tensors.items():
        if tensor.type.name == types[name]:
            continue
        if CODECS[tensor.type.name].decoder is None:
            raise Refused(
                f"{name} is {tensor.type.name}, which holds no weights",
                f"keep it: --pattern {name}={tensor.type.name}",
            )
        columns = importances_of(wish.importances, tensor, BY_NAME[types[name]])
        why = imatrix.silence(columns)
        problem = obstacle(types[name], why is None)
        if problem:
            raise Refused(
                f"{name}: {problem}" + (f": {why}" if wish.importances and why else ""),
                "choose another type, set this tensor apart with --pattern, or give --imatrix",
            )


def importances_of(importances: imatrix.Importances | None, tensor: Tensor, type: GGMLType) -> Any:
    """f32[matrices, row length], or None for a tensor that is copied or was not measured."""
    return None if type == tensor.type else imatrix.of_tensor(importances, tensor.name, tensor)


def file_groups(model: Model, keep_split: bool) -> list[list[Tensor]]:
    """The tensors of each output file, in the order of the model's files."""
    tensors = list(model.tensors.values())
    if not keep_split:
        return [tensors]
    return [[t for t in tensors if t.path == path] for path in model.paths]


def out_paths(out: Path, count: int) -> list[Path]:
    """The names of the output files."""
    if count == 1:
        return [out]
    stem = out.name.removesuffix(".gguf")
    return [out.with_name(f"{stem}-{n:05d}-of-{count:05d}.gguf") for n in range(1, count + 1)]


def refuse_outputs(paths: Sequence[Path], model: Model, replace: bool) -> None:
    """No output may be an input or a folder, nor stand already; its folder must exist."""
    for path in paths:
        refuse_inputs(path, (path, part_of(path)), model.paths)
        refuse_place(path, replace)


def refuse_small_disk(folder: Path, files: Sequence[OutFile]) -> None:
    """The output's exact size must be free where it goes."""
    need, free = sum(f.layout.total_bytes for f in files), shutil.disk_usage(folder).free
    if free < need:
        raise Refused(
            f"{folder} has {free:,} bytes free, the output takes {need:,}",
            "free some space or choose an output on another disk",
        )


def first_metadata(model: Model, types: Mapping[str, str], wish: Wish) -> dict[str, bytes]:
    """The model's metadata, but for what is no longer true of it."""
    keys: Keys = {"general.quantization_version": ("uint32", QUANTIZATION_VERSION)}
    drop = {*SPLIT_KEYS, *imatrix.KEYS}
    number = file_type_of(model, types, wish)
    if number is None:
        drop.add("general.file_type")
    else:
        keys["general.file_type"] = ("uint32", number)
    if wish.importances is not None:
        keys |= imatrix.keys_of(wish.importances)
    return edit_metadata(model.metadata, keys, drop - set(keys))


def file_type_of(model: Model, types: Mapping[str, str], wish: Wish) -> int | None:
    """The number of the mix asked for; else that of the type most weights have, if there is one."""
    if wish.type in FILE_TYPES and not wish.patterns:
        return FILE_TYPES[wish.type].number
    count: Counter[str] = Counter()
    for name, tensor in model.tensors.items():
        if is_quantizable(Matrix(name, tensor.shape)):
            count[types[name]] += tensor.rows * tensor.row_length
    return MOSTLY.get(count.most_common(1)[0][0]) if count else None


def shard_keys(number: int, count: int, tensors: int) -> dict[str, bytes]:
    """What llama.cpp writes into each file of a split model."""
    values = (("uint16", number), ("uint16", count), ("int32", tensors))
    return {key: encode(*value) for key, value in zip(SPLIT_KEYS, values, strict=True)}


def notes_on(model: Model, steps: Sequence[Step], wish: Wish) -> tuple[str, ...]:
    """What the user should know: lost twice, or importances that are missing."""
    changed = [step for step in steps if not step.copied]
    twice = Counter(s.source.type.name for s in changed if s.source.type.block > 1)
    notes = []
    if twice:
        names = ", ".join(f"{n} x {name}" for name, n in twice.items())
        notes.append(f"quantized already ({names}): start from F16 or F32 where you can")
    without = sum(step.importances is None for step in changed if len(step.source.shape) > 1)
    if wish.importances is not None and without:
        notes.append(f"{without} tensors without importances: their columns count alike")
    if changed:
        notes += warnings([model], ONE_TYPE)
    return tuple(notes)
