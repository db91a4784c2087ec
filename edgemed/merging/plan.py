"""From a recipe and headers to a list of steps with every offset decided, before any work.

Reads headers only (and the few numbers of `rope_freqs`, which are a hyper-parameter in tensor's
clothing). All refusals happen here; a plan can be printed, compared and run.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from edgemed_native.codecs import CODECS
from edgemed_native.ggml_types import GGMLType

from edgemed import positional
from edgemed.errors import Incompatible, Refused
from edgemed.gguf import Layout, Model, Tensor, edit_metadata, open_model, plan_layout
from edgemed.merging import compatibility
from edgemed.merging.memory import Buffers, plan_buffers
from edgemed.merging.recipe import Recipe

Action = Literal["copy", "requantize", "blend"]
ROPE_FREQS = "rope_freqs"
SPLIT_KEYS = ("split.no", "split.count", "split.tensors.count")


@dataclass(frozen=True, slots=True)
class Step:
    """One output tensor: a blend of two sources, or one source copied or requantized."""

    name: str
    action: Action
    sources: tuple[Tensor, ...]
    type: GGMLType
    method: str
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
    layout: Layout
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
) -> Plan:
    """Decide the whole merge, or refuse. `max_ram` is bytes of buffers; None: their usual size."""
    refuse_output(recipe, out, replace)
    a, b = open_model(recipe.a), open_model(recipe.b)
    compatibility.check(a, b)
    refuse_rope_tables(a, b)
    metadata, notes = output_metadata(a, b)
    layout = plan_layout(metadata, [(t.name, t.shape, t.type) for t in a.tensors.values()])
    steps = tuple(
        plan_step(recipe, ours, b.tensors[name], offset)
        for (name, ours), offset in zip(a.tensors.items(), layout.offsets, strict=True)
    )
    refuse_small_disk(out, layout.total_bytes)
    buffers = plan_buffers(
        [(s.sources, s.type) for s in steps if s.action != "copy"], threads, max_ram
    )
    return Plan(recipe, out, replace, steps, layout, buffers, notes)


def plan_step(recipe: Recipe, a: Tensor, b: Tensor, offset: int) -> Step:
    """What happens to one tensor; its output type is A's."""
    method = "linear" if len(a.shape) <= 1 else recipe.method
    action: Action = "blend"
    sources: tuple[Tensor, ...] = (a, b)
    if recipe.t == 0.0 or a.name.startswith(ROPE_FREQS):
        action, sources = "copy", (a,)
    elif recipe.t == 1.0:
        action, sources = ("copy" if a.type == b.type else "requantize"), (b,)
    if action != "copy":
        refuse_types(sources, a.type)
    return Step(a.name, action, sources, a.type, method, offset, a.nbytes)


def refuse_types(sources: tuple[Tensor, ...], out: GGMLType) -> None:
    """Every source must be readable as weights, and the output type writable."""
    for tensor in sources:
        if CODECS[tensor.type.name].decoder is None:
            raise Refused(
                f"{tensor.path.name}: {tensor.name} is {tensor.type.name}, which holds no weights",
                "only t = 0 and t = 1 can carry such a tensor over",
            )
    if CODECS[out.name].encoder is None:
        raise Refused(
            f"{sources[0].name} is {out.name}, a type that cannot be written yet",
            f"writable types: {', '.join(n for n, c in CODECS.items() if c.encoder)}; "
            "download the first model in one of them",
        )


def refuse_output(recipe: Recipe, out: Path, replace: bool) -> None:
    """The output may not be an input, nor stand already, and its folder must exist."""
    if not out.parent.is_dir():
        raise Refused(f"there is no folder {out.parent}", "make it, or choose another output")
    for source in (recipe.a, recipe.b):
        if out.exists() and source.exists() and out.samefile(source):
            raise Refused(f"the output {out} is one of the inputs", "choose another output")
    if out.is_dir():
        raise Refused(f"the output {out} is a folder", "name a file")
    if out.exists() and not replace:
        raise Refused(
            f"{out} exists already", "choose another output, or add --force to replace it"
        )


def refuse_rope_tables(a: Model, b: Model) -> None:
    """Rope tables are copied, never averaged; two different ones mean two different models."""
    for name, ours in a.tensors.items():
        if name.startswith(ROPE_FREQS) and tensor_bytes(ours) != tensor_bytes(b.tensors[name]):
            raise Incompatible(
                f"{name} differs between {ours.path.name} and {b.tensors[name].path.name}",
                "the models place words differently (rope); they cannot be interpolated",
            )


def tensor_bytes(tensor: Tensor) -> bytes:
    """All bytes of a small tensor."""
    buffer = np.empty(tensor.nbytes, np.uint8)
    with tensor.path.open("rb") as file:
        positional.read_into(file.fileno(), buffer, tensor.offset)
    return buffer.tobytes()


def refuse_small_disk(out: Path, need: int) -> None:
    """The output's exact size must be free where it goes."""
    part = out.with_name(out.name + ".part")
    free = shutil.disk_usage(out.parent).free + (part.stat().st_size if part.exists() else 0)
    if free < need:
        raise Refused(
            f"{out.parent} has {free:,} bytes free, the output takes {need:,}",
            "free some space or choose an output on another disk",
        )


TEMPLATE = "tokenizer.chat_template"
TURN_KEYS = (TEMPLATE, *(f"tokenizer.ggml.{k}_token_id" for k in ("bos", "eos", "eot", "eom")))


def output_metadata(a: Model, b: Model) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """A's metadata, byte for byte, with the chat template of whichever parent has one."""
    donor, note = chat_donor(a, b)
    raw = edit_metadata(a.metadata, drop=set(SPLIT_KEYS))
    if donor is b:
        raw |= {key: b.metadata.raw(key) for key in TURN_KEYS if key in b.metadata}
    return raw, (note,)


def chat_donor(a: Model, b: Model) -> tuple[Model, str]:
    """Whose chat template and end-of-turn tokens the output carries, and a line that says so."""
    ours, theirs = (m.metadata.get(TEMPLATE) for m in (a, b))
    if ours is None and theirs is None:
        return a, "neither model has a chat template: the output will need one to be run"
    if ours is None:
        return b, f"chat template and turn tokens from {b.paths[0].name}"
    if theirs is None or theirs == ours:
        return a, f"chat template and turn tokens from {a.paths[0].name}"
    return (
        a,
        f"two different chat templates: {a.paths[0].name}'s is kept (swap A and B for the other)",
    )
