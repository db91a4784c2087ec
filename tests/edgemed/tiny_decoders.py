"""Tiny llama, qwen2 and qwen3 files with Q8_0 matrices: the same numbers every time.

`weights` gives what the file holds, dequantized by gguf-py, under GGUF's names.
"""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from tests.edgemed.gguf_files import TensorSpec, write_gguf

KINDS = ("llama", "qwen2", "qwen3")
WIDTH, INNER, LAYERS, HEADS, KV_HEADS, WORDS = 32, 64, 2, 4, 2, 64
EPSILON, ROPE_BASE = 1e-5, 10000.0
RANK, ALPHA = 2, 3.0
LENGTHS = (7, 5, 9)  # of three sequences
ANSWERS = (3, 2, 6)  # the last tokens of each, which the loss looks at

F32 = NDArray[np.float32]


def head(kind: str) -> int:
    """The length of one head: qwen3 states one that is not width / heads."""
    return 16 if kind == "qwen3" else WIDTH // HEADS


def shapes(kind: str) -> dict[str, tuple[int, ...]]:
    """(rows, row length) of every tensor."""
    q, kv = HEADS * head(kind), KV_HEADS * head(kind)
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (WORDS, WIDTH)}
    for n in range(LAYERS):
        block: dict[str, tuple[int, ...]] = {
            "attn_norm.weight": (WIDTH,), "ffn_norm.weight": (WIDTH,),
            "attn_q.weight": (q, WIDTH), "attn_k.weight": (kv, WIDTH),
            "attn_v.weight": (kv, WIDTH), "attn_output.weight": (WIDTH, q),
            "ffn_gate.weight": (INNER, WIDTH), "ffn_up.weight": (INNER, WIDTH),
            "ffn_down.weight": (WIDTH, INNER),
        }  # fmt: skip
        if kind == "qwen2":
            block |= {"attn_q.bias": (q,), "attn_k.bias": (kv,), "attn_v.bias": (kv,)}
        if kind == "qwen3":
            block |= {f"attn_{x}_norm.weight": (head(kind),) for x in "qk"}
        found |= {f"blk.{n}.{name}": shape for name, shape in block.items()}
    found["output_norm.weight"] = (WIDTH,)
    if kind != "qwen3":  # whose head is the embedding
        found["output.weight"] = (WORDS, WIDTH)
    return found


def numbers(seed: int, shape: tuple[int, ...], size: float = 1.0) -> F32:
    """Numbers between -size and size."""
    drawn = np.random.default_rng(seed).random(shape)
    return ((2 * drawn - 1) * size).astype(np.float32)


def packed(kind: str) -> dict[str, TensorSpec]:
    """Every tensor as the file has it: vectors F32, matrices Q8_0."""
    found: dict[str, TensorSpec] = {}
    for seed, (name, shape) in enumerate(shapes(kind).items()):
        if len(shape) == 1:
            middle = 1 if "norm" in name else 0
            found[name] = ("F32", shape, (numbers(seed, shape, 0.3) + middle).tobytes())
        else:
            data = gguf.quants.quantize(numbers(seed, shape, 0.4), gguf.GGMLQuantizationType.Q8_0)
            found[name] = ("Q8_0", shape[::-1], data.tobytes())
    return found


def weights(kind: str) -> dict[str, F32]:
    """The numbers that the file holds."""
    found = {}
    for name, (type, shape, raw) in packed(kind).items():
        data = np.frombuffer(raw, np.uint8).reshape(shape[-1] if len(shape) > 1 else 1, -1)
        plain = gguf.quants.dequantize(data, gguf.GGMLQuantizationType[type])
        found[name] = plain.reshape(shape[::-1]).astype(np.float32)
    return found


def metadata(kind: str) -> dict[str, tuple[str, Any]]:
    """What the header says."""
    return {
        "general.architecture": ("string", kind),
        f"{kind}.context_length": ("uint32", 64),
        f"{kind}.embedding_length": ("uint32", WIDTH),
        f"{kind}.block_count": ("uint32", LAYERS),
        f"{kind}.feed_forward_length": ("uint32", INNER),
        f"{kind}.attention.head_count": ("uint32", HEADS),
        f"{kind}.attention.head_count_kv": ("uint32", KV_HEADS),
        f"{kind}.attention.key_length": ("uint32", head(kind)),
        f"{kind}.attention.value_length": ("uint32", head(kind)),
        f"{kind}.attention.layer_norm_rms_epsilon": ("float32", EPSILON),
        f"{kind}.rope.freq_base": ("float32", ROPE_BASE),
    }


def write_decoder(path: Path, kind: str) -> Path:
    """The file of `kind`."""
    return write_gguf(path, metadata(kind), packed(kind))


def pairs(kind: str) -> dict[str, tuple[F32, F32]]:
    """A[RANK, row length] and B[rows, RANK] for every matrix but the embedding and the head."""
    matrices = {n: s for n, s in shapes(kind).items() if n.startswith("blk.") and len(s) == 2}
    return {
        name.removesuffix(".weight"): (
            numbers(1000 + 2 * i, (RANK, length), 0.3),
            numbers(1001 + 2 * i, (rows, RANK), 0.3),
        )
        for i, (name, (rows, length)) in enumerate(matrices.items())
    }


def lengths(kind: str) -> dict[str, F32]:
    """For every matrix lengths of its rows, up to a third from what they are."""
    plain = weights(kind)
    return {
        name: np.linalg.norm(plain[f"{name}.weight"], axis=1)
        * (1 + numbers(2000 + i, (len(b),), 0.3))
        for i, (name, (_, b)) in enumerate(pairs(kind).items())
    }


def sequences() -> list[list[int]]:
    """Token ids of the three sequences."""
    drawn = [np.random.default_rng(50 + i).random(n) for i, n in enumerate(LENGTHS)]
    return [[int(x * WORDS) for x in row] for row in drawn]
