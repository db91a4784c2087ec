"""Vocabulary files for tests: published ones with other token types, and small ones made here."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.engine.weights import Weights

from edgemed.gguf import open_model

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)


def opened(path: Path, template: str | None = None) -> Weights:
    """A vocabulary without weights."""
    return Weights(EngineSettings(str(path), 0, 1, vocab_only=True, chat_template=template))


def retyped(source: Path, target: Path, types: Mapping[int, int]) -> Path:
    """`source` with its token types exchanged, in `target`."""
    key = b"tokenizer.ggml.token_type"
    raw = bytearray(source.read_bytes())
    start = raw.index(key) + len(key) + 16  # the kinds of array and element, and the count
    (count,) = struct.unpack_from("<Q", raw, start - 8)
    found = np.frombuffer(raw, "<i4", count, start)
    old = found.copy()
    for before, after in types.items():
        found[old == before] = after
    target.write_bytes(raw)
    return target


def names_of(path: Path, kind: int) -> list[str]:
    """The names of all tokens of a type."""
    metadata = open_model(path).metadata
    types = metadata["tokenizer.ggml.token_type"]
    tokens = metadata["tokenizer.ggml.tokens"]
    return [name for name, type in zip(tokens, types, strict=True) if type == kind]


def sentencepiece(
    path: Path, special: Sequence[tuple[str, int]], words: Sequence[str] = (), space: bool = False
) -> Path:
    """A SentencePiece vocabulary: bytes, `special` (name, type) in order, then words by letters."""
    bytes_ = [(f"<0x{i:02X}>", BYTE, 0.0) for i in range(256)]
    letters = [chr(i) for i in range(33, 127)]
    pieces = dict.fromkeys(["▁", *letters, *words])
    named = [(name, kind, 0.0) for name, kind in special]
    plain = [
        (name, NORMAL, -float(i)) for i, name in enumerate(pieces) if name not in dict(special)
    ]
    return _written(path, "llama", [*named, *bytes_, *plain], space)


def wordpiece(path: Path, words: Sequence[str]) -> Path:
    """A BERT vocabulary of whole words and single letters."""
    special = [(name, CONTROL, 0.0) for name in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")]
    letters = [chr(i) for i in range(33, 127) if not chr(i).isupper()]
    plain = [f"▁{w}" for w in [*words, *letters]] + letters
    normal = [(w, NORMAL, 0.0) for w in plain]
    return _written(path, "bert", [("[UNK]", UNKNOWN, 0.0), *special, *normal], False)


def _written(path: Path, model: str, rows: Sequence[tuple[str, int, float]], space: bool) -> Path:
    writer = gguf.GGUFWriter(path, "llama" if model == "llama" else "bert")
    for add in (writer.add_context_length, writer.add_embedding_length):
        add(64)
    for add in (writer.add_block_count, writer.add_head_count, writer.add_feed_forward_length):
        add(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_layer_norm_eps(1e-5)
    writer.add_causal_attention(True)
    writer.add_tokenizer_model(model)
    writer.add_token_list([name for name, _, _ in rows])
    writer.add_token_types([kind for _, kind, _ in rows])
    writer.add_token_scores([score for _, _, score in rows])
    writer.add_add_space_prefix(space)
    names = [name for name, _, _ in rows]
    for task, name in (("unk", "<unk>"), ("bos", "<bos>"), ("eos", "<eos>")):
        if name in names:
            getattr(writer, f"add_{task}_token_id")(names.index(name))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
