"""Take up training from an exported file: its weights and vocabulary become a checkpoint again.

    python models/scale/takeup.py FILE --work DIR --name base --step 560

Q8_0 weights come back rounded to their blocks of 32, a relative error below 0.5 %; the optimizers
start anew. Without this, `train.py` starts from nothing.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGUFReader, TokenType
from sentencepiece import sentencepiece_model_pb2 as proto

PIECE = proto.ModelProto.SentencePiece  # type: ignore[attr-defined]
TYPES = {
    TokenType.UNKNOWN: PIECE.UNKNOWN,
    TokenType.CONTROL: PIECE.CONTROL,
    TokenType.BYTE: PIECE.BYTE,
    TokenType.NORMAL: PIECE.NORMAL,
}


def weights_of(reader: GGUFReader) -> dict[str, torch.Tensor]:
    """Every tensor of the file in float32, rows first as torch has them."""
    return {
        tensor.name: torch.from_numpy(
            np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), np.float32)
        )
        for tensor in reader.tensors
    }


def vocabulary_of(reader: GGUFReader) -> bytes:
    """The SentencePiece model (BPE) whose pieces, scores and types the file holds."""
    model = proto.ModelProto()  # type: ignore[attr-defined]
    columns = (
        reader.fields[f"tokenizer.ggml.{name}"].contents()
        for name in ("tokens", "scores", "token_type")
    )
    for piece, score, kind in zip(*columns, strict=True):
        model.pieces.add(piece=piece, score=score, type=TYPES[TokenType(kind)])
    model.trainer_spec.model_type = proto.TrainerSpec.BPE  # type: ignore[attr-defined]
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.split_digits = True
    model.trainer_spec.vocab_size = len(model.pieces)
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = False
    model.normalizer_spec.remove_extra_whitespaces = False
    done: bytes = model.SerializeToString()
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", required=True, help="the run of runs.py that goes on")
    parser.add_argument("--step", type=int, required=True, help="the step it goes on from")
    args = parser.parse_args()
    reader = GGUFReader(args.file)
    (args.work / "vocabulary.model").write_bytes(vocabulary_of(reader))
    state = {"model": weights_of(reader), "optimizers": None, "step": args.step}
    torch.save(state, args.work / f"{args.name}.pt")


if __name__ == "__main__":
    main()
