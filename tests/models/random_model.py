"""Random Llama-shaped GGUF files with the real Llama-3 vocabulary: size without meaning."""

from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content }}<|eot_id|>{% endfor %}<|start_header_id|>assistant<|end_header_id|>\n\n"
)


class Size(NamedTuple):
    """A model's dimensions. Rows are multiples of 256, so every type fits."""

    layers: int = 2
    width: int = 256
    inner: int = 512
    heads: int = 4
    kv_heads: int = 2


SMALL = Size()


def write_model(
    path: Path, vocabulary: Path, size: Size = SMALL, kind: str = "Q8_0", template: str = TEMPLATE
) -> Path:
    """Write a random model of `size` with tensors of type `kind` to `path`; the same every time."""
    writer = gguf.GGUFWriter(path, "llama")
    copy_tokenizer(writer, vocabulary)
    head = size.width // size.heads
    writer.add_name("random")
    writer.add_context_length(8192)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.inner)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.kv_heads)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_chat_template(template)
    rng = np.random.default_rng(0)
    for name, shape in shapes(size, head).items():
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, np.float32))
        else:
            add_random(writer, rng, name, shape, gguf.GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def shapes(size: Size, head: int) -> dict[str, tuple[int, ...]]:
    """Every tensor's (rows, row length)."""
    kv = size.kv_heads * head
    found: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (128256, size.width),
        "output_norm.weight": (size.width,),
    }
    for i in range(size.layers):
        found |= {
            f"blk.{i}.attn_norm.weight": (size.width,),
            f"blk.{i}.ffn_norm.weight": (size.width,),
            f"blk.{i}.attn_q.weight": (size.width, size.width),
            f"blk.{i}.attn_k.weight": (kv, size.width),
            f"blk.{i}.attn_v.weight": (kv, size.width),
            f"blk.{i}.attn_output.weight": (size.width, size.width),
            f"blk.{i}.ffn_gate.weight": (size.inner, size.width),
            f"blk.{i}.ffn_up.weight": (size.inner, size.width),
            f"blk.{i}.ffn_down.weight": (size.width, size.inner),
        }
    return found


def add_random(
    writer: gguf.GGUFWriter,
    rng: np.random.Generator,
    name: str,
    shape: tuple[int, ...],
    kind: gguf.GGMLQuantizationType,
) -> None:
    """One tensor of small random weights, or of random blocks where numpy cannot quantize."""
    rows, length = shape
    try:
        few = rng.standard_normal((min(rows, 512), length), np.float32) / np.sqrt(length)
        packed = gguf.quants.quantize(few, kind)
    except NotImplementedError:  # K-quants: zero scales, so that every weight is zero
        block, nbytes = gguf.GGML_QUANT_SIZES[kind]
        packed = np.zeros((min(rows, 512), length // block * nbytes), np.uint8)
    whole = np.resize(packed, (rows, packed.shape[1]))
    writer.add_tensor(name, whole, raw_dtype=kind)


def copy_tokenizer(writer: gguf.GGUFWriter, vocabulary: Path) -> None:
    """All tokenizer keys of another file."""
    for field in gguf.GGUFReader(vocabulary).fields.values():
        if field.name.startswith("tokenizer.") and "chat_template" not in field.name:
            kind = field.types[0]
            sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), kind, sub)
