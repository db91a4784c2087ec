"""The tensors that models of the llama family must have, and their shapes.

Letters: n heads of length k, model width e, m key and value heads, feed-forward width f.
Source: create_tensor calls of llama, qwen2 and qwen3 in llama.cpp, and trials.
"""

import re
from collections.abc import Iterator, Sequence

from edgemed.gguf.flaw import quoted
from edgemed.gguf.loadable.obstacle import NOT_ALIKE, Obstacle
from edgemed.gguf.metadata import Metadata
from edgemed.gguf.model import Model
from edgemed.gguf.tensors import Tensor

FAMILY = {"llama": (), "qwen2": (), "qwen3": ("attn_q_norm.weight", "attn_k_norm.weight")}
"""Architecture -> vectors of the length of a head that each of its blocks has in addition."""

NEEDED = ("feed_forward_length", "attention.head_count", "attention.layer_norm_rms_epsilon")

OPTIONAL = re.compile(
    r"output\.weight|rope_(freqs|factors_long|factors_short)\.weight"
    r"|blk\.\d+\.(attn_(q|k|v|qkv|output)|ffn_(gate|up|down))\.(bias|scale|input_scale)"
    r"|(output|token_embd)\.(scale|input_scale)"
)
NOT_MULTIPLIED = frozenset({"I8", "I16", "I32", "I64", "F64", "Q8_1", "Q8_K"})
"""Types that no matrix may have: llama.cpp loads such a matrix, and aborts when it multiplies."""

Shape = tuple[int, ...]


def block_tensors(model: Model) -> Iterator[Obstacle]:
    """Tensors that are missing, have a wrong shape or an unusable type, or do not belong there."""
    metadata = model.metadata
    arch = metadata["general.architecture"]
    lacking = [f"{arch}.{name}" for name in NEEDED if f"{arch}.{name}" not in metadata]
    if lacking:
        yield from (Obstacle(f"there is no {key}") for key in lacking)
        return
    if not all(isinstance(metadata.get(f"{arch}.{n}", 0), int) for n in (*NEEDED[:2], KV)):
        yield Obstacle(
            f"edgemed cannot check {quoted(arch)} models whose blocks differ from one another",
            "",
            "unknown",
        )
        return
    yield from head_lengths(metadata, arch)
    wanted = shapes(model)
    yield from missing([name for name in wanted if name not in model.tensors])
    for name, shape in wanted.items():
        if name in model.tensors:
            yield from other_shape(model.tensors[name], shape)
    for tensor in model.tensors.values() if model.folder is None else ():
        yield from types(tensor)
    known = {*wanted, "token_embd.weight"}
    extra = [n for n in model.tensors if n not in known and not OPTIONAL.fullmatch(n)]
    if extra:
        more = f" and {len(extra) - 1} others" if extra[1:] else ""
        what = f"it has tensors that {quoted(arch)} models do not have: {quoted(extra[0])}{more}"
        yield Obstacle(what, NOT_ALIKE, "unknown")


KV = "attention.head_count_kv"


def head_lengths(metadata: Metadata, arch: str) -> Iterator[Obstacle]:
    """Rotary embedding must cover the whole head."""
    length = head_length(metadata, arch, "key_length")
    turned = metadata.get(f"{arch}.rope.dimension_count", length)
    if turned != length:
        yield Obstacle(
            f"{arch}.rope.dimension_count is {turned}, but a head is {length} long", NOT_ALIKE
        )


def head_length(metadata: Metadata, arch: str, key: str) -> int:
    """The key or value length of a head: as stated, else the width divided by the heads."""
    heads = int(metadata[f"{arch}.attention.head_count"])
    usual = int(metadata[f"{arch}.embedding_length"]) // heads if heads else 0
    return int(metadata.get(f"{arch}.attention.{key}", usual))


def shapes(model: Model) -> dict[str, Shape]:
    """Name -> shape, row length first, of every tensor that must be there."""
    metadata = model.metadata
    arch = metadata["general.architecture"]
    e, n = int(metadata[f"{arch}.embedding_length"]), int(metadata[f"{arch}.attention.head_count"])
    m = int(metadata.get(f"{arch}.{KV}", n))
    k, v = (head_length(metadata, arch, key) for key in ("key_length", "value_length"))
    every: dict[str, Shape] = {
        "attn_norm.weight": (e,),
        "attn_output.weight": (n * v, e),
        "ffn_norm.weight": (e,),
        **feed_forward(metadata, arch, e),
        **dict.fromkeys(FAMILY[arch], (k,)),
    }
    apart = {"attn_q.weight": (e, n * k), "attn_k.weight": (e, m * k), "attn_v.weight": (e, m * v)}
    fused = {"attn_qkv.weight": (e, n * k + m * (k + v))}
    wanted: dict[str, Shape] = {"output_norm.weight": (e,)}
    for block in range(metadata[f"{arch}.block_count"]):
        own = fused if f"blk.{block}.attn_qkv.weight" in model.tensors else apart
        wanted |= {f"blk.{block}.{name}": shape for name, shape in (every | own).items()}
    if "rope_freqs.weight" in model.tensors:
        wanted["rope_freqs.weight"] = (k // 2,)
    return wanted


def feed_forward(metadata: Metadata, arch: str, e: int) -> dict[str, Shape]:
    """The feed-forward tensors of a block, with experts or without."""
    f, x = int(metadata[f"{arch}.feed_forward_length"]), metadata.get(f"{arch}.expert_count", 0)
    if not x:
        return {
            "ffn_gate.weight": (e, f),
            "ffn_up.weight": (e, f),
            "ffn_down.weight": (f, e),
        }
    return {
        "ffn_gate_inp.weight": (e, x),
        "ffn_gate_exps.weight": (e, f, x),
        "ffn_up_exps.weight": (e, f, x),
        "ffn_down_exps.weight": (f, e, x),
    }


def missing(names: Sequence[str]) -> Iterator[Obstacle]:
    """All missing tensors, in one line."""
    if names:
        more = f", and {len(names) - 1:,} others are missing" if names[1:] else ""
        yield Obstacle(f"it has no tensor {names[0]}{more}")


def other_shape(tensor: Tensor, shape: Shape) -> Iterator[Obstacle]:
    """The tensor must have this shape; ones at its end do not count."""
    if without_ones(tensor.shape) != without_ones(shape):
        own, wanted = (" x ".join(map(str, s)) for s in (tensor.shape, shape))
        yield Obstacle(f"{tensor.name} is {own}, not {wanted}", NOT_ALIKE)


def without_ones(shape: Shape) -> Shape:
    """A shape without the ones at its end."""
    return without_ones(shape[:-1]) if shape[1:] and shape[-1] == 1 else shape


def types(tensor: Tensor) -> Iterator[Obstacle]:
    """Vectors must be F32, matrices of a type that llama.cpp can multiply."""
    is_vector = len(without_ones(tensor.shape)) == 1
    if is_vector and tensor.type.name != "F32" and tensor.name.endswith(("norm.weight", ".bias")):
        yield Obstacle(f"{tensor.name} is {tensor.type.name}, not F32: llama.cpp aborts on it")
    elif not is_vector and tensor.type.name in NOT_MULTIPLIED:
        yield Obstacle(f"{tensor.name} is {tensor.type.name}, which llama.cpp cannot multiply by")
