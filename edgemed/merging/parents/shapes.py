"""Compares two models' hyper-parameters and lists of tensors: do their weights mean the same?

Each function yields (what differs, remedy). `context_length` may differ: it does not change what
the weights mean. Knows no vocabulary.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from edgemed.gguf import Metadata, Model, Tensor
from edgemed.gguf.tensor_names import block_of
from edgemed.merging.parents.token_rows import VOCABULARY_TENSORS

Reason = tuple[str, str]
SAME_BASE = "only models of the same architecture and shapes can be interpolated"
SAME_TENSORS = "both files must hold the same tensors; convert them with one version of llama.cpp"
SAME_PARTS = "choose a parent with the same layout: tensors are mixed only with their counterparts"
SAME_ROPE = "the models encode positions differently (rope); they cannot be merged"

NOT_FUNCTIONAL = ("context_length", "vocab_size")

DEFAULTS: dict[str, Callable[[Metadata, str], Any]] = {
    "rope.freq_base": lambda meta, arch: 10000.0,
    "rope.scaling.type": lambda meta, arch: "none",
    "rope.scaling.factor": lambda meta, arch: 1.0,
    "rope.dimension_count": lambda meta, arch: _head_length(meta, arch),
    "attention.key_length": lambda meta, arch: _head_length(meta, arch),
    "attention.value_length": lambda meta, arch: _head_length(meta, arch),
    "attention.head_count_kv": lambda meta, arch: meta.get(f"{arch}.attention.head_count"),
    "attention.causal": lambda meta, arch: True,
    "expert_count": lambda meta, arch: 0,
    "expert_used_count": lambda meta, arch: 0,
}
"""What llama.cpp assumes where a file does not say."""

GROUPS = {
    "rope": re.compile(r"rope\."),
    "norms": re.compile(r".*(_epsilon|norm_groups)$"),
    "softcap": re.compile(r".*softcapping$"),
    "window": re.compile(r".*sliding_window.*"),
    "experts": re.compile(r".*expert.*|.*moe.*|nextn.*"),
    "shapes": re.compile(r""),
}
"""Which hyper-parameters each check covers; the last covers the remaining ones."""

LAYOUTS = (
    ("fused q, k and v", r"attn_qkv\.", "separate q, k and v", r"attn_[qkv]\.", SAME_TENSORS),
    (
        "fused gate and up",
        "ffn_gate_up",
        "separate gate and up",
        r"ffn_gate(_exps)?\.",
        SAME_TENSORS,
    ),
    ("packed experts", r"ffn_\w+_exps\.", "separate experts", r"ffn_\w+\.\d+\.", SAME_TENSORS),
    ("multi-token prediction blocks", r"\.nextn\.", "no such blocks", "", SAME_PARTS),
    ("a head of its own", r"^output\.weight", "the embedding as its head", "", SAME_PARTS),
)
"""Two ways to store the same thing: words and pattern of the one and of the other (an empty
pattern: absent), and the remedy."""


def architecture(a: Model, b: Model, any_blocks: bool = False) -> Iterator[Reason]:
    """The architecture string must be the same."""
    ours, theirs = (m.metadata.get("general.architecture") for m in (a, b))
    if ours != theirs or ours is None:
        yield f"architecture is {ours!r} in one and {theirs!r} in the other", SAME_BASE


def group_of_key(name: str) -> str:
    """The check that a hyper-parameter belongs to."""
    return next(group for group, pattern in GROUPS.items() if pattern.match(name))


def hyper_parameters(group: str, a: Model, b: Model, any_blocks: bool) -> Iterator[Reason]:
    """Every `ARCH.*` key of a group that changes what the weights mean must agree.

    With `any_blocks`, their number and lists with one value a block may differ.
    """
    arch = str(a.metadata.get("general.architecture"))
    for name in keys_of(group, arch, a, b):
        ours, theirs = (_value(m.metadata, arch, name) for m in (a, b))
        of_blocks = name == "block_count" or (_is_list(ours) and _is_list(theirs))
        if not (_same(ours, theirs) or (any_blocks and of_blocks)):
            yield (
                f"{arch}.{name} is {_shown(ours)} in one and {_shown(theirs)} in the other",
                SAME_ROPE if group == "rope" else SAME_BASE,
            )


def keys_of(group: str, arch: str, *models: Model) -> list[str]:
    """The functional hyper-parameters of a group that any of the models states."""
    names = {
        k.removeprefix(f"{arch}.") for m in models for k in m.metadata if k.startswith(f"{arch}.")
    }
    return sorted(n for n in names if n not in NOT_FUNCTIONAL and group_of_key(n) == group)


def shown(model: Model, group: str) -> str:
    """The values of a group, for a line that says they agree."""
    arch = str(model.metadata.get("general.architecture"))
    found = [(n, _value(model.metadata, arch, n)) for n in keys_of(group, arch, model)]
    return ", ".join(f"{n} {_shown(v)}" for n, v in found[:4]) + (", ..." if found[4:] else "") or (
        "none stated"
    )


KEY_CHECKS: dict[str, Callable[[Model, Model, bool], Iterator[Reason]]] = {
    group: partial(hyper_parameters, group) for group in ("shapes", *GROUPS) if group
}


def rope_tables(a: Model, b: Model, any_blocks: bool = False) -> Iterator[Reason]:
    """The few numbers of `rope_freqs`, a hyper-parameter stored as a tensor, must be the same."""
    for name in (n for n in a.tensors if "rope_" in n and n in b.tensors):
        ours, theirs = a.tensors[name], b.tensors[name]
        if ours.shape == theirs.shape and tensor_bytes(ours) != tensor_bytes(theirs):
            yield f"{name} differs", SAME_ROPE


def tensors(a: Model, b: Model, any_blocks: bool = False) -> Iterator[Reason]:
    """The same tensors with the same shapes in both; embeddings may have other numbers of rows."""
    yield from layouts(a, b)
    for whole, lacking in ((a, b), (b, a)):
        names = [n for n in whole.tensors if n not in lacking.tensors]
        names = [n for n in names if block_of(n) is None] if any_blocks else names
        if names:
            what = f"{lacking.path.name} has no tensor {names[0]}"
            yield what + (f", and {len(names) - 1} others" if names[1:] else ""), SAME_TENSORS
    for name, ours in a.tensors.items():
        theirs = b.tensors.get(name)
        elsewhere = any_blocks and block_of(name) is not None
        if not (elsewhere or theirs is None or fits(ours, theirs)):
            yield f"{name} is {_shape(ours)} in one and {_shape(theirs)} in the other", SAME_BASE


def layouts(a: Model, b: Model) -> Iterator[Reason]:
    """Where one file fuses tensors that the other stores apart, or has tensors that the other
    lacks."""
    for one, together, other, apart, remedy in LAYOUTS:
        if has(a, together) == has(b, together):
            continue
        first, second = (a, b) if has(a, together) else (b, a)
        if not apart or has(second, apart):
            names = first.path.name, second.path.name
            yield f"{names[0]} has {one}, {names[1]} has {other}", remedy


def has(model: Model, pattern: str) -> bool:
    """Whether any tensor's name matches."""
    return any(re.search(pattern, name) for name in model.tensors)


def fits(a: Tensor, b: Tensor) -> bool:
    """The same shape, or tensors of a row a token with rows of the same length."""
    if a.name in VOCABULARY_TENSORS and len(a.shape) == len(b.shape) == 2:
        return a.row_length == b.row_length
    return a.shape == b.shape


def tensor_bytes(tensor: Tensor) -> bytes:
    """All bytes of a small tensor."""
    from edgemed.gguf.reading import read_rows  # loads what decodes rows

    buffer = np.empty((tensor.rows, tensor.row_bytes), np.uint8)
    with ExitStack() as stack:
        files = {path: stack.enter_context(path.open("rb")).fileno() for path in tensor.paths}
        read_rows(tensor, 0, files, buffer)
    return buffer.tobytes()


def _value(metadata: Metadata, arch: str, name: str) -> Any:
    key = f"{arch}.{name}"
    if key in metadata:
        return metadata[key]
    default = DEFAULTS.get(name)
    return default(metadata, arch) if default else None


def _head_length(metadata: Metadata, arch: str) -> int | None:
    width, heads = (
        metadata.get(f"{arch}.embedding_length"),
        metadata.get(f"{arch}.attention.head_count"),
    )
    return width // heads if isinstance(width, int) and isinstance(heads, int) and heads else None


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str)


def _same(ours: Any, theirs: Any) -> bool:
    if not (_is_list(ours) and _is_list(theirs)):
        return not (_is_list(ours) or _is_list(theirs)) and bool(ours == theirs)
    return len(ours) == len(theirs) and all(x == y for x, y in zip(ours, theirs, strict=True))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        with np.errstate(over="ignore"):  # a Python float may be larger than any float32
            return str(np.float32(value))  # in GGUF these are float32: no more digits than it has
    return "missing" if value is None else repr(value)[:60]


def _shape(tensor: Tensor) -> str:
    return " x ".join(str(n) for n in tensor.shape)
