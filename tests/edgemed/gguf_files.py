"""Small GGUF files for tests, built byte by byte and apart from edgemed's own writer.

`write_gguf` makes whole files; the pieces (`pair`, `row`, `assemble`) make broken ones.
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemed_native.ggml_types import BY_NAME

LETTERS = {
    "uint8": (0, "B"), "int8": (1, "b"), "uint16": (2, "H"), "int16": (3, "h"), "uint32": (4, "I"),
    "int32": (5, "i"), "float32": (6, "f"), "bool": (7, "?"), "uint64": (10, "Q"),
    "int64": (11, "q"), "float64": (12, "d"),
}  # fmt: skip
STRING, ARRAY = 8, 9

TensorSpec = tuple[str, Sequence[int], bytes]
"""Type name, shape (row length first), the tensor's bytes."""


def string(text: str | bytes) -> bytes:
    """A length-prefixed string."""
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def element(kind: str, value: Any) -> bytes:
    """One value of a kind such as `uint32`, without its type id."""
    return string(value) if kind == "string" else struct.pack("<" + LETTERS[kind][1], value)


def type_id(kind: str) -> int:
    return STRING if kind == "string" else LETTERS[kind][0]


def value(kind: str, content: Any) -> bytes:
    """A value with its type id; arrays have kinds such as `string[]`."""
    if not kind.endswith("[]"):
        return struct.pack("<I", type_id(kind)) + element(kind, content)
    kind = kind[:-2]
    head = struct.pack("<IIQ", ARRAY, type_id(kind), len(content))
    return head + b"".join(element(kind, item) for item in content)


def pair(key: str | bytes, kind: str, content: Any) -> bytes:
    """A key with its value."""
    return string(key) + value(kind, content)


def row(name: str | bytes, shape: Sequence[int], type: int | str, offset: int) -> bytes:
    """A row of the tensor table; `type` by number or name."""
    number = BY_NAME[type].id if isinstance(type, str) else type
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, number, offset)


def assemble(
    pairs: Sequence[bytes] = (),
    rows: Sequence[bytes] = (),
    data: bytes = b"",
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    tensors: int | None = None,
    keys: int | None = None,
    alignment: int = 32,
) -> bytes:
    """A file of these pieces; counts are the true ones unless given."""
    counts = (
        len(rows) if tensors is None else tensors,
        len(pairs) if keys is None else keys,
    )
    header = struct.pack("<4sIQQ", magic, version, *counts) + b"".join([*pairs, *rows])
    return header + bytes(-len(header) % alignment) + data


def gguf_bytes(
    metadata: Mapping[str, tuple[str, Any]], tensors: Mapping[str, TensorSpec], alignment: int = 32
) -> bytes:
    """A valid file; metadata is {key: (kind, value)} and must name an alignment that is not 32."""
    rows, data = [], b""
    for name, (type, shape, raw) in tensors.items():
        rows.append(row(name, shape, type, len(data)))
        data += raw + bytes(-len(raw) % alignment)
    pairs = [pair(key, kind, content) for key, (kind, content) in metadata.items()]
    return assemble(pairs, rows, data, alignment=alignment)


def write_gguf(
    path: Path,
    metadata: Mapping[str, tuple[str, Any]],
    tensors: Mapping[str, TensorSpec],
    alignment: int = 32,
) -> Path:
    """`gguf_bytes` in a file."""
    path.write_bytes(gguf_bytes(metadata, tensors, alignment))
    return path


METADATA: dict[str, tuple[str, Any]] = {
    "general.architecture": ("string", "llama"),
    "general.name": ("string", "A small model"),
    "general.license": ("string", ""),
    "general.tags": ("string[]", []),
    "llama.context_length": ("uint32", 2048),
    "llama.rope.freq_base": ("float32", 10000.0),
    "tokenizer.ggml.model": ("string", "gpt2"),
    "tokenizer.ggml.tokens": ("string[]", ["a", "", "ü", "<end>"]),
    "tokenizer.ggml.scores": ("float32[]", [0.0, -1.0, -2.5, 0.125]),
    "tokenizer.ggml.token_type": ("int32[]", [1, 1, 1, 3]),
    "tokenizer.ggml.add_bos_token": ("bool", True),
}
TENSORS: dict[str, TensorSpec] = {
    "token_embd.weight": ("Q8_0", (32, 4), bytes(range(136))),
    "blk.0.attn_norm.weight": ("F32", (32,), bytes(128)),
    "blk.0.ffn_down.weight": ("Q4_0", (32, 3), bytes(range(54))),
    "blk.0.ffn_up_exps.weight": ("F16", (5, 2, 3), bytes(60)),
}
"""A small valid model: most kinds of values, empty ones too, and tensors that need padding."""


def small_model(path: Path) -> Path:
    """METADATA and TENSORS in a file."""
    return write_gguf(path, METADATA, TENSORS)
