"""Writes a checkpoint as a GGUF file that llama.cpp loads: architecture llama, SPM vocabulary.

    python models/scale/export.py --work DIR --name clinical --type Q8_0 -o FILE

Matrices take the type asked for, norms stay F32, and the embedding doubles as output matrix. Rotary
pairs are neighbours in training already, so Q and K are written as they are.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from edgemed_models.scale.items import TEMPLATE
from gguf import GGMLQuantizationType, LlamaFileType, TokenType
from model import Shape
from numpy.typing import NDArray
from vocabulary import BEGIN, STOP, UNKNOWN, Pieces

TYPES = {
    "F32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "F16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "Q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}
TITLES = {"base": "Base", "clinical": "Clinical", "instruct": "Instruct"}


def export(
    weights: dict[str, torch.Tensor], pieces: Pieces, name: str, kind: str, out: Path
) -> None:
    """Write one GGUF file, under a temporary name until it is complete."""
    part = out.with_suffix(".part")
    writer = gguf.GGUFWriter(str(part), "llama")
    tensor_type, file_type = TYPES[kind]
    add_identity(writer, name)
    add_shape(writer, Shape())
    writer.add_file_type(file_type)
    add_vocabulary(writer, pieces)
    if name not in ("base", "clinical"):
        writer.add_chat_template(TEMPLATE)
    for key, value in weights.items():
        rows: NDArray[np.float32] = value.detach().float().cpu().numpy()
        if rows.ndim == 1:
            writer.add_tensor(key, rows)
        else:
            writer.add_tensor(key, gguf.quants.quantize(rows, tensor_type), raw_dtype=tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(out)


def add_identity(writer: gguf.GGUFWriter, name: str) -> None:
    """What the file is, under which licence, and what it descends from."""
    writer.add_name(f"edgemed scale {TITLES.get(name, name)}")
    writer.add_basename("edgemed-scale")
    writer.add_finetune(name)
    writer.add_author("edgemed")
    writer.add_description(
        "A demonstration of merging, trained on synthetic text. Not for patients."
    )
    writer.add_license("apache-2.0")
    writer.add_languages(["en"])
    if name != "base":
        writer.add_base_model_count(1)
        writer.add_base_model_name(0, "edgemed scale Base")
        writer.add_base_model_organization(0, "edgemed")


def add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    """The hyper-parameters that llama.cpp reads."""
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)


def add_vocabulary(writer: gguf.GGUFWriter, pieces: Pieces) -> None:
    """The SentencePiece pieces with scores and types, and the ids with a meaning of their own."""
    model = pieces.model
    ids = range(model.vocab_size())
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([model.id_to_piece(i).encode() for i in ids])
    writer.add_token_scores([model.get_score(i) for i in ids])
    writer.add_token_types([type_of(pieces, i) for i in ids])
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(STOP)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_eot_token_id(pieces.end)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def type_of(pieces: Pieces, token: int) -> TokenType:
    """The token's type in ggml's numbering."""
    if token == UNKNOWN:
        return TokenType.UNKNOWN
    if pieces.model.is_control(token):
        return TokenType.CONTROL
    return TokenType.BYTE if pieces.model.is_byte(token) else TokenType.NORMAL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--type", choices=TYPES, default="Q8_0")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    state = torch.load(args.work / f"{args.name}.pt", map_location="cpu")
    export(state["model"], Pieces(args.work / "vocabulary.model"), args.name, args.type, args.out)


if __name__ == "__main__":
    main()
