"""Which ggml type each output tensor gets: like a parent, one type for all, or a llama.cpp mix.

The mixes follow llama.cpp's quantizer (src/llama-quant.cpp) for dense models. Vectors, norms,
routers and other tensors that it never quantizes keep their type whatever is asked for.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from edgemed_native.ggml_types import BY_NAME, GGMLType

from edgemed.errors import UsageError
from edgemed.gguf import Tensor
from edgemed.merging.names import block_of, group_of
from edgemed.merging.recipe import LIKE_A, Recipe


class Drafted(Protocol):
    """A tensor to be written: its name, and the sources that types are taken from."""

    @property
    def name(self) -> str: ...
    @property
    def leads(self) -> tuple[Tensor, ...]: ...


Rule = Callable[[int, int], bool]
"""Whether block i of n gets more bits."""


def more_bits(i: int, n: int) -> bool:
    """llama.cpp's use_more_bits: the first and last eighth, and every third between."""
    return i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2


class FileType(NamedTuple):
    """A llama.cpp mix: its number, the type of most matrices, of the head, and of the tensors
    attn_v and ffn_down in the blocks that `richer_v` and `richer_down` pick."""

    number: int
    usual: str
    head: str
    richer: str = ""
    richer_v: Rule = lambda i, n: False
    richer_down: Rule = lambda i, n: False


FILE_TYPES: dict[str, FileType] = {
    "F32": FileType(0, "F32", "F32"),
    "F16": FileType(1, "F16", "F16"),
    "BF16": FileType(32, "BF16", "BF16"),
    "Q4_0": FileType(2, "Q4_0", "Q6_K"),
    "Q4_1": FileType(3, "Q4_1", "Q6_K"),
    "Q5_0": FileType(8, "Q5_0", "Q6_K"),
    "Q5_1": FileType(9, "Q5_1", "Q6_K"),
    "Q8_0": FileType(7, "Q8_0", "Q8_0"),
    "Q4_K_S": FileType(14, "Q4_K", "Q6_K", "Q5_K", lambda i, n: i < 4, lambda i, n: i < n // 8),
    "Q4_K_M": FileType(15, "Q4_K", "Q6_K", "Q6_K", more_bits, more_bits),
    "Q5_K_S": FileType(16, "Q5_K", "Q6_K"),
    "Q5_K_M": FileType(17, "Q5_K", "Q6_K", "Q6_K", more_bits, more_bits),
    "Q6_K": FileType(18, "Q6_K", "Q6_K"),
}

MOSTLY = {"Q2_K": 10, "Q3_K": 12, "Q4_K": 15, "Q5_K": 17, "IQ4_NL": 25, "IQ4_XS": 30} | {
    name: mix.number for name, mix in FILE_TYPES.items() if name in BY_NAME
}
"""The file type of files whose matrices are mostly of a ggml type."""

FALLBACK = {"Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""For rows that do not fill whole blocks; IQ types fall back to IQ4_NL, and all of these to F16."""

NEVER = re.compile(
    r"_norm\.|ffn_gate_inp|position_embd|token_types|ssm_conv1d|shortconv\.conv|rope_"
)


def out_types(recipe: Recipe, drafts: Sequence[Drafted]) -> list[GGMLType]:
    """The output type of every tensor; UsageError for words that name no type."""
    refuse_unknown_types(recipe, drafts)
    blocks = 1 + max((b for d in drafts if (b := block_of(d.name)) is not None), default=-1)
    tied = all(d.name != "output.weight" for d in drafts)
    return [_out_type(recipe, draft, blocks, tied) for draft in drafts]


def _out_type(recipe: Recipe, draft: Drafted, blocks: int, tied: bool) -> GGMLType:
    lead, word = draft.leads[0], recipe.out_type
    for pattern, name in recipe.types:
        if is_meant(pattern, draft.name):
            return BY_NAME[name]
    if word == LIKE_A or not is_quantizable(lead):
        return lead.type
    if word == "like-b":
        return draft.leads[1].type
    if word == "max":
        return max((t.type for t in draft.leads), key=lambda type: type.nbytes / type.block)
    if word in FILE_TYPES:
        return fitting(mixed(FILE_TYPES[word], draft.name, blocks, tied), lead)
    return fitting(word, lead)


def mixed(mix: FileType, name: str, blocks: int, tied: bool) -> str:
    """The type that a mix gives to a matrix of this name."""
    if name == "output.weight" or (tied and name == "token_embd.weight"):
        return mix.head
    block = block_of(name) or 0
    if re.search(r"\.attn_(v|qkv|kv_b)\.", name) and mix.richer_v(block, blocks):
        return mix.richer
    if ".ffn_down" in name and mix.richer_down(block, blocks):
        return mix.richer
    return mix.usual


def fitting(name: str, tensor: Tensor) -> GGMLType:
    """The type, or what llama.cpp falls back to where the rows do not fill its blocks."""
    while tensor.row_length % BY_NAME[name].block:
        name = FALLBACK.get(name, "IQ4_NL" if re.match(r"IQ\d_(?!NL)", name) else "F16")
    return BY_NAME[name]


def is_quantizable(tensor: Tensor) -> bool:
    """Whether llama.cpp would ever quantize it."""
    is_weight = tensor.name.endswith("weight") and len(tensor.shape) > 1
    return is_weight and not NEVER.search(tensor.name)


def is_meant(pattern: str, name: str) -> bool:
    """Whether a pattern of --type, part of a name or a group, means this tensor."""
    return pattern == group_of(name) or pattern in name


def refuse_unknown_types(recipe: Recipe, drafts: Sequence[Drafted]) -> None:
    """Every word must name a type, every pattern a tensor, and like-b needs a second model."""
    word = recipe.out_type
    known = (LIKE_A, "like-b", "max", *FILE_TYPES, *BY_NAME)
    if word not in known:
        words = ", ".join((LIKE_A, "like-b", "max", *FILE_TYPES))
        raise UsageError(f"{word!r} is no output type", f"use a ggml type, or one of {words}")
    if word == "like-b" and any(len(d.leads) < 2 for d in drafts):
        raise UsageError("like-b needs a second model", "use like-a, or a type")
    for pattern, name in recipe.types:
        if name not in BY_NAME:
            raise UsageError(f"{name!r} is no ggml type", f"use one of {', '.join(BY_NAME)}")
        if not any(is_meant(pattern, d.name) for d in drafts):
            raise UsageError(
                f"the pattern {pattern!r} matches no tensor",
                "it is part of a GGUF tensor's name, or a group",
            )


def file_type_of(
    recipe: Recipe, drafts: Sequence[Drafted], types: Sequence[GGMLType]
) -> int | None:
    """general.file_type of the output: the mix asked for, else the type of most weights."""
    if recipe.out_type in FILE_TYPES and not recipe.types:
        return FILE_TYPES[recipe.out_type].number
    count: dict[str, int] = {}
    for draft, type in zip(drafts, types, strict=True):
        if is_quantizable(draft.leads[0]):
            weights = draft.leads[0].rows * draft.leads[0].row_length
            count[type.name] = count.get(type.name, 0) + weights
    return MOSTLY.get(max(count, key=lambda name: count[name])) if count else None
