"""Compares stored forms of the sentence encoder: cosine with the float form, and speed.

    python models/encoder/export.py WHEEL --store f32 --out /tmp/f32/minilm.onnx
    python models/encoder/compare.py SENTENCES.txt /tmp/f32/minilm.onnx models/.../minilm.onnx

The first file is the yardstick. One sentence a line; sentences are encoded one at a time, as the
product does. The rule: int8 if its mean cosine is at least 0.99 and it is not slower, else f16.
"""

import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

ROUNDS = 15


def main() -> None:
    sentences = Path(sys.argv[1]).read_text("utf-8").splitlines()
    tokenizer = Tokenizer.from_file(str(Path(sys.argv[2]).parent / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    tokens = [np.array([e.ids], np.int64) for e in tokenizer.encode_batch(sentences)]
    sessions = {path: session(path) for path in sys.argv[2:]}
    vectors = {path: encode(s, tokens) for path, s in sessions.items()}
    seconds: dict[str, list[float]] = {path: [] for path in sessions}
    for _ in range(ROUNDS):
        for path, s in sessions.items():
            start = time.perf_counter()
            encode(s, tokens)
            seconds[path].append(time.perf_counter() - start)
    for path in sessions:
        cosine = (vectors[path] * vectors[sys.argv[2]]).sum(axis=1)
        ratio = np.divide(seconds[path], seconds[sys.argv[2]])
        low, middle, high = np.quantile(ratio, [0.25, 0.5, 0.75])
        print(f"{path}: {len(tokens)} sentences, cosine mean {cosine.mean():.4f}", end=" ")
        print(f"least {cosine.min():.4f}, time ratio {middle:.2f} ({low:.2f} to {high:.2f})")


def session(path: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def encode(s: ort.InferenceSession, tokens: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(
        [s.run(None, {"ids": ids, "mask": np.ones_like(ids)})[0] for ids in tokens]
    )


if __name__ == "__main__":
    main()
