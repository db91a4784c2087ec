"""What a tensor is called: in GGUF, in the Hugging Face checkpoint it came from, and its group.

The second name comes from gguf-py's own table, read backwards, so that a filter written for a
checkpoint (`self_attn`, `mlp`) finds its tensors here. No files, no models.
"""

import re
from functools import cache
from typing import NamedTuple

BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
SUFFIX = re.compile(r"\.(weight|bias)$")

USUAL = re.compile(
    r"model\.embed_tokens|lm_head|model\.norm|model\.layers\.0\.("
    r"(input|post_attention|pre_feedforward|post_feedforward)_layernorm"
    r"|self_attn\.\w+_(proj|norm)|mlp\.\w+_proj|mlp\.experts\.\w+_proj|mlp\.gate)"
)
"""How llama, mistral, qwen and gemma checkpoints name tensors: gguf's table lists many ways."""

GROUPS = ("attn", "ffn", "norm", "embed", "output")

FIRST_OF_MODEL = ("token_embd", "token_types", "position_embd", "rope_", "per_layer_token_embd")


class Names(NamedTuple):
    """A tensor's names; `hf` is None if gguf's table has none, `group` empty outside GROUPS."""

    gguf: str
    hf: str | None
    group: str


@cache
def names_of(name: str, architecture: str) -> Names:
    """All names of the tensor that GGUF calls `name`."""
    return Names(name, checkpoint_name(name, architecture), group_of(name))


def group_of(name: str) -> str:
    """One of GROUPS, or nothing."""
    stem = SUFFIX.sub("", name)
    if "norm" in stem:
        return "norm"
    if stem.startswith(("token_embd", "token_types", "position_embd")):
        return "embed"
    if stem == "output":
        return "output"
    inside = BLOCK.fullmatch(stem)
    kind = inside[2].split("_")[0] if inside else ""
    return kind if kind in ("attn", "ffn") else ""


def block_of(name: str) -> int | None:
    """The block a tensor is in; None outside all blocks."""
    found = BLOCK.fullmatch(name)
    return int(found[1]) if found else None


def in_block(name: str, block: int) -> str:
    """The same tensor of another block."""
    return re.sub(r"^blk\.\d+", f"blk.{block}", name)


def before_blocks(name: str) -> bool:
    """Whether a tensor outside the blocks belongs to the model's beginning, not its end."""
    return name.startswith(FIRST_OF_MODEL)


def checkpoint_name(name: str, architecture: str) -> str | None:
    """The Hugging Face name, such as `model.layers.3.self_attn.q_proj.weight`."""
    suffix = SUFFIX.search(name)
    stem, ending = (name[: suffix.start()], suffix[0]) if suffix else (name, "")
    block = block_of(name)
    found = table(architecture).get(stem if block is None else in_block(stem, 0))
    if found is None:
        return None
    return (found if block is None else found.replace(".0.", f".{block}.", 1)) + ending


@cache
def table(architecture: str) -> dict[str, str]:
    """GGUF name of block 0 -> checkpoint name of layer 0; empty for unknown architectures."""
    from gguf import MODEL_ARCH_NAMES  # a second of imports, for recipes with filters alone
    from gguf.tensor_mapping import get_tensor_name_map

    known = {word: arch for arch, word in MODEL_ARCH_NAMES.items()}
    if architecture not in known:
        return {}
    reverse: dict[str, list[str]] = {}
    for checkpoint, (_, name) in get_tensor_name_map(known[architecture], 1).mapping.items():
        reverse.setdefault(name, []).append(checkpoint)
    return {name: min(found, key=_unusual) for name, found in reverse.items()}


def _unusual(checkpoint: str) -> int:
    """Smallest for the usual way of naming; the table's order decides among equals."""
    if USUAL.fullmatch(checkpoint):
        return 0
    return 1 if checkpoint.startswith("model.") else 2
