"""The mean loss of an answer's tokens by llama.cpp, with or without a LoRA adapter.

python -m tests.oracles.llama_adapter MODEL ADAPTER|- ANSWER-TOKENS ID ID ...
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def answer_loss(model: Path, adapter: Path | None, ids: Sequence[int], answer: int) -> float:
    """Nats a token over the last `answer` of `ids`, in a process of its own."""
    words = [sys.executable, "-m", "tests.oracles.llama_adapter", str(model), str(adapter or "-")]
    words += [str(answer), *map(str, ids)]
    found = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert found.returncode == 0, found.stderr[-400:]
    return float(found.stdout)


def _measure(model: str, adapter: str, answer: int, ids: list[int]) -> float:
    import llama_cpp

    path = None if adapter == "-" else adapter
    llama = llama_cpp.Llama(
        model,
        n_ctx=max(256, len(ids)),
        logits_all=True,
        verbose=False,
        lora_path=path,
        n_threads=1,
    )
    llama.eval(ids)
    logits = np.asarray(llama.scores[len(ids) - answer - 1 : len(ids) - 1], np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-log_probabilities[np.arange(answer), ids[-answer:]].mean())


if __name__ == "__main__":
    print(repr(_measure(*sys.argv[1:3], int(sys.argv[3]), [int(i) for i in sys.argv[4:]])))
