"""Where a module of a checkpoint is in a GGUF model: its name, and the order of its rows.

llama.cpp rotates neighbouring pairs of a head where a checkpoint's llama rotates halves, so the
rows of q and k are in another order; checkpoints store gemma's norms minus one. Anything unknown is
refused by name, never guessed. Source: conversion scripts of llama.cpp.
"""

import re
from functools import cache
from typing import NamedTuple

import numpy as np

from edgemed.errors import Refused
from edgemed.gguf import Metadata

Order = tuple[int, ...]

EXPERT = re.compile(r"(?P<before>.+\.experts)\.(?P<number>\d{1,4})\.(?P<part>\w+)")
MIXTRAL = re.compile(r"model\.layers\.(\d+)\.block_sparse_moe\.experts")
"""Its experts have another name in the table of names if they are in one tensor."""

TURNED = ("llama",)
"""Architectures whose q and k have the rows of a head's halves side by side."""

AS_THEY_ARE = (
    "qwen2", "qwen3", "qwen2moe", "qwen3moe", "gemma", "gemma2", "gemma3", "phi3", "gpt2",
)  # fmt: skip
LESS_ONE = ("gemma", "gemma2", "gemma3")
"""Architectures whose norms are stored minus one in checkpoints."""


class Place(NamedTuple):
    """The tensor's name without its ending; row i is row order[i] of the checkpoint's, and `plus`
    is added to every number. `expert`: whose rows of a tensor of experts they are."""

    stem: str
    order: Order | None
    plus: float
    expert: int | None = None


def expert_of(module: str) -> tuple[str, int] | None:
    """The module that all experts of its block are in, and its number; None for any other."""
    found = EXPERT.fullmatch(module)
    return (of_all(found["before"], found["part"]), int(found["number"])) if found else None


def of_all(before: str, part: str) -> str:
    """The module that all experts of a block are in, as gguf's table of names calls it."""
    inside = MIXTRAL.sub(r"layers.\1.feed_forward.experts", before)
    return f"{inside}.{part}"


def place_of(module: str, metadata: Metadata) -> Place | None:
    """Where `module`, such as model.layers.0.self_attn.q_proj, is; None if nowhere."""
    arch = str(metadata.get("general.architecture"))
    if arch not in (*TURNED, *AS_THEY_ARE):
        raise Refused(
            f"edgemed does not know how checkpoints of {arch} models become GGUF files",
            f"it knows {', '.join((*TURNED, *AS_THEY_ARE))}; give the adapter in GGUF form",
        )
    blocks = int(metadata.get(f"{arch}.block_count", 0))
    whole, expert = expert_of(module) or (module, None)
    stem = names(arch, blocks).get(whole.replace("language_model.", ""))
    if stem is None:
        return None
    plus = 1.0 if arch in LESS_ONE and "norm" in stem else 0.0
    return Place(stem, order_of(stem, arch, metadata), plus, expert)


@cache
def names(arch: str, blocks: int) -> dict[str, str]:
    """Checkpoint module -> GGUF name, by gguf-py's own table."""
    from gguf import MODEL_ARCH_NAMES  # a second of imports
    from gguf.tensor_mapping import get_tensor_name_map

    known = {word: arch for arch, word in MODEL_ARCH_NAMES.items()}
    mapping = get_tensor_name_map(known[arch], blocks).mapping
    return {module: name for module, (_, name) in mapping.items()}


def order_of(stem: str, arch: str, metadata: Metadata) -> Order | None:
    """The order of the rows of q and k; None for other tensors."""
    kind = stem.rsplit(".", 1)[-1]
    if arch not in TURNED or kind not in ("attn_q", "attn_k"):
        return None
    heads = int(metadata[f"{arch}.attention.head_count"])
    if kind == "attn_k":
        heads = int(metadata.get(f"{arch}.attention.head_count_kv", heads))
    width = int(metadata[f"{arch}.embedding_length"])
    usual = width // int(metadata[f"{arch}.attention.head_count"])
    rows = heads * int(metadata.get(f"{arch}.attention.key_length", usual))
    return neighbours(rows, heads)


@cache
def neighbours(rows: int, heads: int) -> Order:
    """Rows of halves in the order of neighbours: 0, n/2, 1, n/2 + 1, ... of every head."""
    order = np.arange(rows).reshape(heads, 2, rows // heads // 2).swapaxes(1, 2)
    return tuple(order.reshape(-1).tolist())
