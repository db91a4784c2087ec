"""Sentence vectors from all-MiniLM-L6-v2 with onnxruntime: to find passages, never to judge them.

The model (minilm/minilm.onnx, made by models/encoder/export.py) turns a sentence into a vector of
384 floats and length 1; similar vectors mean similar topics. It does not reliably notice a "no" or
a "left". Only this file imports onnxruntime, and only when the first vector is needed.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgemed_models.machine import logical_cores
from edgemed_models.privacy import telemetry

FOLDER = Path(__file__).parent / "minilm"
SHA256 = {
    "minilm.onnx": "c5c9b0333910a8f16487dac36eeb1e62662601b6383c1f81711397aca57dfe3f",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
LENGTH = 256  # tokens the model was trained to read; of a longer sentence only the start is used
SIZE = 384
SIDE_BY_SIDE = 16  # from this many sentences on, several threads are faster
AT_ONCE = 256  # sentences tokenized together: a token's data take much memory


class DamagedModel(ValueError):
    """A packaged file differs from the one this version was built with."""


class Encoder:
    """The loaded model and its tokenizer. Each sentence runs by itself, so that its vector does not
    depend on other sentences (activations are quantized by the range of a whole batch);
    `workers` sentences run in parallel, each on one thread."""

    def __init__(self, workers: int = min(4, logical_cores())) -> None:
        telemetry.switch_off()
        import onnxruntime
        from tokenizers import Tokenizer

        telemetry.switch_off_in(onnxruntime)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._workers = workers
        self._tokenizer = Tokenizer.from_str(read("tokenizer.json").decode("utf-8"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LENGTH)
        self._session: Any = onnxruntime.InferenceSession(
            read("minilm.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of `texts`, f32 [len(texts), 384]; equal texts get equal vectors."""
        places: dict[str, int] = {}
        rows = [places.setdefault(text, len(places)) for text in texts]
        found = np.empty((len(places), SIZE), np.float32)
        own = list(places)
        for i in range(0, len(own), AT_ONCE):
            found[i : i + AT_ONCE] = self._of_a_few(own[i : i + AT_ONCE])
        return found[rows]

    def _of_a_few(self, texts: list[str]) -> list[NDArray[np.float32]]:
        """The vectors of texts that are tokenized together."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        if len(ids) < SIDE_BY_SIDE:
            return [self._vector(i) for i in ids]
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(self._vector, ids))

    def _vector(self, ids: Sequence[int]) -> NDArray[np.float32]:
        tokens = np.array([ids], np.int64)
        found: NDArray[np.float32] = self._session.run(
            None, {"ids": tokens, "mask": np.ones_like(tokens)}
        )[0][0]
        return found


@cache
def encoder() -> Encoder:
    """The one encoder of this process, loaded on first use."""
    return Encoder()


def read(name: str) -> bytes:
    """The bytes of a packaged file, checked against its sha256."""
    data = (FOLDER / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256[name]:
        raise DamagedModel(f"the sentence encoder's {name} is damaged; install edgemed again")
    return data
