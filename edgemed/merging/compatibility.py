"""Whether two models can be merged, from headers alone; every difference that matters refuses.

Compared: architecture, every functional hyper-parameter (shapes, rope, norms, experts), the
vocabulary token by token, and the list of tensors with their shapes. A key that one file leaves
out counts as llama.cpp's default for it. `context_length` alone may differ: it does not change
what the weights mean.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from edgemed.errors import Incompatible
from edgemed.gguf import Metadata, Model, Tensor

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

VOCABULARY: dict[str, str] = {
    "tokenizer.ggml.model": "kind of tokenizer",
    "tokenizer.ggml.pre": "pre-tokenizer",
    "tokenizer.ggml.tokens": "tokens",
    "tokenizer.ggml.scores": "token scores",
    "tokenizer.ggml.merges": "token merges",
}

SAME_VOCABULARY = "merge models that were trained from one base, with one vocabulary"
SAME_BASE = "only models of the same architecture and shapes can be interpolated"


def check_all(models: Sequence[Model], any_blocks: bool = False) -> None:
    """`check` of the first model with every other."""
    for other in models[1:]:
        check(models[0], other, any_blocks)


def check(a: Model, b: Model, any_blocks: bool = False) -> None:
    """Raise Incompatible with every reason found, first reasons first; return if none.

    With `any_blocks`, models may have different numbers of blocks, as stacked slices do.
    """
    reasons = [*architecture(a, b), *hyper_parameters(a, b, any_blocks), *vocabulary(a, b)]
    if not any_blocks:
        reasons += tensors(a, b)
    if reasons:
        what, hint = reasons[0]
        more = f" (and {len(reasons) - 1} more differences)" if len(reasons) > 1 else ""
        raise Incompatible(
            f"{a.paths[0].name} and {b.paths[0].name} do not match: {what}{more}", hint
        )


Reason = tuple[str, str]


def architecture(a: Model, b: Model) -> Iterator[Reason]:
    """The architecture string must be the same."""
    ours, theirs = (m.metadata.get("general.architecture") for m in (a, b))
    if ours != theirs or ours is None:
        yield f"architecture is {ours!r} in one and {theirs!r} in the other", SAME_BASE


def hyper_parameters(a: Model, b: Model, any_blocks: bool = False) -> Iterator[Reason]:
    """Every `ARCH.*` key that changes what the weights mean must agree.

    With `any_blocks`, their number and lists with one value a block may differ.
    """
    arch = a.metadata.get("general.architecture")
    keys = {k for m in (a, b) for k in m.metadata if k.startswith(f"{arch}.")}
    for key in sorted(keys):
        name = key.removeprefix(f"{arch}.")
        if name in NOT_FUNCTIONAL:
            continue
        ours, theirs = (_value(m.metadata, str(arch), name) for m in (a, b))
        of_blocks = name == "block_count" or (_is_list(ours) and _is_list(theirs))
        if not (_same(ours, theirs) or (any_blocks and of_blocks)):
            yield f"{key} is {_shown(ours)} in one and {_shown(theirs)} in the other", SAME_BASE


def vocabulary(a: Model, b: Model) -> Iterator[Reason]:
    """Tokens, scores and merges must be the same bytes, so that row i is the same token."""
    for key, word in VOCABULARY.items():
        ours, theirs = (m.metadata.raw(key) if key in m.metadata else None for m in (a, b))
        if ours == theirs:
            continue
        if ours is None or theirs is None:
            lacking = (a if ours is None else b).paths[0].name
            yield f"{lacking} says nothing about its {word} ({key})", SAME_VOCABULARY
        else:
            yield (
                f"the vocabularies differ: {word} ({key}){_first_difference(a, b, key)}",
                SAME_VOCABULARY,
            )


def tensors(a: Model, b: Model) -> Iterator[Reason]:
    """The same tensors with the same shapes in both."""
    for name in [*a.tensors, *(n for n in b.tensors if n not in a.tensors)]:
        ours, theirs = a.tensors.get(name), b.tensors.get(name)
        if ours is None or theirs is None:
            lacking = (a if ours is None else b).paths[0].name
            yield f"{lacking} has no tensor {name}", "both files must hold the same tensors"
        elif ours.shape != theirs.shape:
            yield f"{name} is {_shape(ours)} in one and {_shape(theirs)} in the other", SAME_BASE


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
    try:
        return bool(ours == theirs)
    except ValueError:  # arrays: numpy compares element by element
        return len(ours) == len(theirs) and all(x == y for x, y in zip(ours, theirs, strict=True))


def _shown(value: Any) -> str:
    return "missing" if value is None else repr(value)[:60]


def _shape(tensor: Tensor) -> str:
    return " x ".join(str(n) for n in tensor.shape)


def _first_difference(a: Model, b: Model, key: str) -> str:
    if key != "tokenizer.ggml.tokens":
        return ""
    ours, theirs = a.metadata[key], b.metadata[key]
    if len(ours) != len(theirs):
        return f", {len(ours):,} in one and {len(theirs):,} in the other"
    at = next(i for i, (x, y) in enumerate(zip(ours, theirs, strict=True)) if x != y)
    return f", the first is number {at}: {ours[at]!r} and {theirs[at]!r}"
