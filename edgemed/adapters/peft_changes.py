"""What a PEFT folder changes in a model: adapter_config.json and adapter_model.safetensors.

    base_model.model.MODULE.lora_A.weight  A[r, row length]     .lora_B.weight  B[rows, r]
    ... .lora_embedding_A  A[r, vocabulary]   .lora_embedding_B  B[row length, r]
    ... .lora_magnitude_vector  lengths of rows (of columns, for an embedding)    .lora_B.bias
    ... .base_layer.weight  the base's own tensor, saved beside    ... .weight, .bias  trained whole

Headers only. Every tensor must be known and have a place in the model.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from edgemed.adapters.change import AddedVector, Change, LowRank, Thin, Whole
from edgemed.adapters.forms import WEIGHTS
from edgemed.adapters.opened import OpenedAdapter
from edgemed.adapters.peft_config import PeftConfig, read_config
from edgemed.checkpoints.places import Place, place_of
from edgemed.checkpoints.safetensors import read_table, shown, tensor_of
from edgemed.errors import Incompatible, InvalidFile, Refused
from edgemed.gguf import Model, Tensor

PREFIX = "base_model.model."
LONGEST_NAME = 300  # characters; patterns of the config are matched against it
AGAIN = "save the adapter again with PEFT"

PART = re.compile(
    r"(?P<module>.+?)\.(?:modules_to_save(?:\.default)?\.)?(?P<part>"
    r"lora_A(?:\.default)?\.weight|lora_B(?:\.default)?\.(?:weight|bias)"
    r"|lora_embedding_[AB](?:\.default)?|lora_magnitude_vector(?:\.default)?(?:\.weight)?"
    r"|base_layer\.(?:weight|bias)|weight|bias)"
)

Parts = dict[str, Tensor]


class HalfNames(NamedTuple):
    """Names of the halves of a pair in a module."""

    a: str
    b: str


MATRIX = HalfNames("lora_A.weight", "lora_B.weight")
EMBEDDING = HalfNames("lora_embedding_A", "lora_embedding_B")


def open_folder(folder: Path, model: Model) -> OpenedAdapter:
    """The adapter in a PEFT folder, for `model`."""

    def place(module: str, config: PeftConfig) -> Place:
        found = place_of(module, model.metadata)
        if found is None:
            raise Incompatible(
                f"the adapter {folder.name} changes {shown(module)}, which has no place in "
                f"{model.path.name}",
                f"it was trained on {config.base or 'another model'}: give it with that model",
            )
        return found

    return open_placed(folder, place)


def open_modules(folder: Path) -> OpenedAdapter:
    """The adapter in a PEFT folder, under the names that the checkpoint's modules have."""
    return open_placed(folder, lambda module, config: Place(module, None, 0.0))


def open_placed(folder: Path, place: Callable[[str, PeftConfig], Place]) -> OpenedAdapter:
    """The adapter, each module where `place` says."""
    config, path = read_config(folder), folder / WEIGHTS
    refuse_other_weights(folder, path)
    changes: dict[str, tuple[Change, ...]] = {}
    for module, parts in modules(path).items():
        where = place(module, config)
        for ending, found in changes_of(config, module, where, parts).items():
            name = where.stem + ending
            if name in changes and (
                where.expert is None or where.expert in experts_of(changes[name])
            ):
                raise InvalidFile(f"{path}: two tensors are for {name}", AGAIN)
            changes[name] = (*changes.get(name, ()), *of_expert(found, where.expert))
    if not changes:
        raise InvalidFile(f"{path} holds no tensors", AGAIN)
    name = folder.name or folder.resolve().name
    return OpenedAdapter(name, "PEFT", (config.path, path), "", config.base, changes, config.tied)


def of_expert(changes: Iterable[Change], expert: int | None) -> Iterator[Change]:
    """The changes, as those of this expert; a bias belongs to none."""
    for change in changes:
        yield change if isinstance(change, AddedVector) else replace(change, expert=expert)


def experts_of(changes: Iterable[Change]) -> set[int | None]:
    """The experts that are changed."""
    return {None if isinstance(change, AddedVector) else change.expert for change in changes}


def refuse_other_weights(folder: Path, path: Path) -> None:
    """Refuse weights in a pickle file: they must be in safetensors."""
    names = ("adapter_model.bin", "adapter_model.pt")
    pickled = next((name for name in names if (folder / name).exists()), "")
    if not path.exists() and pickled:
        raise Refused(
            f"{folder / pickled} is a pickle file, which can run any program when it is opened",
            f"save the adapter again as {WEIGHTS}, or convert it to GGUF",
        )


def modules(path: Path) -> dict[str, Parts]:
    """The tensors of every module, by what they are in it."""
    found: dict[str, Parts] = {}
    for key, stored in read_table(path).items():
        match = PART.fullmatch(key.removeprefix(PREFIX)) if len(key) <= LONGEST_NAME else None
        if match is None or not key.startswith(PREFIX):
            raise InvalidFile(
                f"{path}: the purpose of tensor {shown(key)} is unknown",
                "use LoRA or DoRA of whole matrices, or modules saved whole",
            )
        part = re.sub(r"\.default|(?<=vector)\.weight", "", match["part"])
        parts = found.setdefault(match["module"], {})
        if part in parts:
            raise InvalidFile(f"{path}: {shown(match['module'])} has two of {part}", AGAIN)
        parts[part] = tensor_of(path, key, stored)
    return found


def changes_of(
    config: PeftConfig, module: str, place: Place, parts: Mapping[str, Tensor]
) -> dict[str, tuple[Change, ...]]:
    """Changes of a module's weight and bias, by the ending of the tensor's name."""
    left = dict(parts)
    weight: list[Change] = []
    bias: list[Change] = []
    for changes, ending in ((weight, "weight"), (bias, "bias")):
        for name in (f"base_layer.{ending}", ending):
            if name in left:
                tensor = left.pop(name)
                refuse_turned(config, place, tensor)
                changes.append(Whole(tensor, place.order, place.plus))
    pair = next((p for p in (MATRIX, EMBEDDING) if p.a in left or p.b in left), None)
    if pair is not None:
        weight.append(low_rank(config, module, place, left, pair))
    if "lora_B.bias" in left:
        bias.append(AddedVector(left.pop("lora_B.bias"), config.scale_of(module), place.order))
    if left:
        raise InvalidFile(
            f"{config.path.parent}: {shown(module)} has {', '.join(left)} without the rest", AGAIN
        )
    found = {".weight": tuple(weight), ".bias": tuple(bias)}
    return {ending: changes for ending, changes in found.items() if changes}


def low_rank(
    config: PeftConfig, module: str, place: Place, left: Parts, pair: HalfNames
) -> LowRank:
    """The pair of a module, taken out of `left`, with its lengths (DoRA's magnitudes) if any."""
    what = f"{config.path.parent}: {shown(module)}"
    if pair.a not in left or pair.b not in left:
        raise InvalidFile(f"{what} has only one half of its pair", AGAIN)
    a, b = left.pop(pair.a), left.pop(pair.b)
    if len(a.shape) != 2 or len(b.shape) != 2 or a.rows != b.row_length:
        raise InvalidFile(
            f"{what}: A of shape {a.shape[::-1]} and B of {b.shape[::-1]} do not match", AGAIN
        )
    rank = config.rank_of(module)
    if a.rows != rank:
        raise InvalidFile(f"{what} has a rank of {a.rows}, {config.path.name} says {rank}", AGAIN)
    is_embedding = pair is EMBEDDING
    outer, inner = Thin(b, False, place.order), Thin(a)
    if is_embedding:
        outer, inner = Thin(a, True), Thin(b, True)
    lengths = left.pop("lora_magnitude_vector", None)
    if config.dora != (lengths is not None):
        has = "no magnitudes" if lengths is None else "magnitudes"
        says = f"{config.path.name} says use_dora {config.dora}"
        raise InvalidFile(f"{what} has {has}, {says}", AGAIN)
    scale = config.scale_of(module)
    if lengths is None:
        return LowRank(outer, inner, scale)
    many = b.rows
    if lengths.rows * lengths.row_length != many:
        raise InvalidFile(f"{what}: {lengths.row_length} magnitudes for {many} rows", AGAIN)
    thin = Thin(lengths, False, place.order)
    return LowRank(outer, inner, scale, thin, "columns" if is_embedding else "rows")


def refuse_turned(config: PeftConfig, place: Place, tensor: Tensor) -> None:
    """Refuse a fully trained matrix with fan_in_fan_out: it may be stored transposed or not."""
    if config.turned and len(tensor.shape) > 1 and place.stem.startswith("blk."):
        raise Refused(
            f"{config.path.parent}: {tensor.name} is trained whole, with fan_in_fan_out set",
            "merge this adapter into its model with PEFT",
        )
