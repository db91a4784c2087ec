"""Small model files for merge tests, written by gguf-py and changed one thing at a time."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np

WIDTH, FFN, LAYERS, HEADS = 256, 512, 2, 4
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
WORDS = ["<unk>", "<s>", "</s>", *(f"▁word{i}" for i in range(61))]
TOKENS = [*WORDS, *BYTES]


def weights(seed: int) -> dict[str, np.ndarray]:
    """A llama of two blocks of float32 noise; 1-D norms near one."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (len(TOKENS), WIDTH)}
    for i in range(LAYERS):
        shapes |= {
            f"blk.{i}.attn_norm.weight": (WIDTH,),
            f"blk.{i}.attn_q.weight": (WIDTH, WIDTH),
            f"blk.{i}.attn_k.weight": (WIDTH // HEADS, WIDTH),
            f"blk.{i}.attn_v.weight": (WIDTH // HEADS, WIDTH),
            f"blk.{i}.attn_output.weight": (WIDTH, WIDTH),
            f"blk.{i}.ffn_norm.weight": (WIDTH,),
            f"blk.{i}.ffn_gate.weight": (FFN, WIDTH),
            f"blk.{i}.ffn_up.weight": (FFN, WIDTH),
            f"blk.{i}.ffn_down.weight": (WIDTH, FFN),
        }
    shapes["output_norm.weight"] = (WIDTH,)
    return {
        name: rng.normal(1.0 if len(shape) == 1 else 0.0, 0.05, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def write_pair_member(
    path: Path,
    tensors: dict[str, np.ndarray],
    kind: str = "F32",
    tokens: list[str] | None = None,
    architecture: str = "llama",
    scores: list[float] | None = None,
    **keys: Any,
) -> Path:
    """A GGUF file; matrices in `kind`, vectors F32. `keys` are further values."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(keys.pop("block_count", LAYERS))
    writer.add_context_length(keys.pop("llama__context_length", 128))
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(keys.pop("llama__feed_forward_length", FFN))
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(keys.pop("llama__attention__layer_norm_rms_epsilon", 1e-5))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens or TOKENS)
    writer.add_token_scores(scores or [float(-i) for i in range(len(tokens or TOKENS))])
    for key, value in keys.items():
        adds = {float: writer.add_float32, int: writer.add_uint32, list: writer.add_array}
        adds.get(type(value), writer.add_string)(key.replace("__", "."), value)
    for name, array in tensors.items():
        _add(writer, name, array, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: gguf.GGUFWriter, name: str, array: np.ndarray, kind: str) -> None:
    if array.ndim == 1 or kind == "F32":
        writer.add_tensor(name, array)
        return
    packed = packed_as(array, kind)
    writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType[kind])


def packed_as(array: np.ndarray, kind: str) -> np.ndarray:
    """Rows packed by gguf-py where it can, by our encoder otherwise."""
    from edgemed_native.codecs import encode_rows
    from edgemed_native.ggml_types import BY_NAME

    rows = np.ascontiguousarray(array).reshape(-1, array.shape[-1])
    packed = np.empty((len(rows), BY_NAME[kind].row_bytes(rows.shape[1])), np.uint8)
    encode_rows(kind, rows, packed)
    return packed.reshape(*array.shape[:-1], -1)


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Every tensor as float32 (or float64 for F32 files) through gguf-py."""
    reader = gguf.GGUFReader(path)
    return {
        t.name: gguf.quants.dequantize(t.data, t.tensor_type).reshape(t.shape[::-1])
        for t in reader.tensors
    }
