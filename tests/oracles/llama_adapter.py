"""The mean loss of answers' tokens by llama.cpp, with or without a LoRA adapter.

python -m tests.oracles.llama_adapter MODEL ADAPTER|-   (rows as JSON: [[[ID, ...], ANSWER], ...])
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

Row = tuple[Sequence[int], int]
"""Token ids, and how many of the last are the answer."""


def answer_loss(model: Path, adapter: Path | None, ids: Sequence[int], answer: int) -> float:
    """Nats a token over the last `answer` of `ids`, in a process of its own."""
    return answers_loss(model, adapter, [(ids, answer)])


def answers_loss(model: Path, adapter: Path | None, rows: Sequence[Row]) -> float:
    """Nats a token over the answers of all rows, in a process of its own."""
    words = [sys.executable, "-m", "tests.oracles.llama_adapter", str(model), str(adapter or "-")]
    given = json.dumps([[list(ids), answer] for ids, answer in rows])
    found = subprocess.run(
        words, input=given, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert found.returncode == 0, found.stderr[-400:]
    return float(found.stdout)


def _measure(model: str, adapter: str, rows: Sequence[Row]) -> float:
    from tests.oracles.bare_llama import llama_cpp

    llama = llama_cpp.Llama(
        model,
        n_ctx=max(256, *(len(ids) for ids, _ in rows)),
        logits_all=True,
        verbose=False,
        lora_path=None if adapter == "-" else adapter,
        n_threads=1,
    )
    total = 0.0
    for ids, answer in rows:
        llama.reset()
        llama.eval(ids)
        logits = np.asarray(llama.scores[len(ids) - answer - 1 : len(ids) - 1], np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        total -= float(log_probabilities[np.arange(answer), ids[-answer:]].sum())
    return total / sum(answer for _, answer in rows)


if __name__ == "__main__":
    print(repr(_measure(*sys.argv[1:3], json.loads(sys.stdin.read()))))
