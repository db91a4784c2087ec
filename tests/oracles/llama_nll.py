"""Mean negative log-likelihood of a text under a GGUF model, by llama.cpp in a process of its own.

python -m tests.oracles.llama_nll MODEL TEXT
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

TEXT = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big red ball. She wanted to play with it."
)


def mean_nll(model: Path, text: str = TEXT) -> float:
    """Nats a token, in a fresh process: an abort of llama.cpp fails one test, not the run."""
    words = [sys.executable, "-m", "tests.oracles.llama_nll", str(model), text]
    found = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert found.returncode == 0, f"llama.cpp did not load {model.name}: {found.stderr[-400:]}"
    return float(found.stdout)


def _measure(model: str, text: str) -> float:
    from tests.oracles.bare_llama import llama_cpp

    llama = llama_cpp.Llama(model, n_ctx=256, logits_all=True, verbose=False)
    tokens = llama.tokenize(text.encode())
    llama.eval(tokens)
    logits = np.asarray(llama.scores[: len(tokens) - 1], np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-log_probabilities[np.arange(len(tokens) - 1), tokens[1:]].mean())


if __name__ == "__main__":
    print(repr(_measure(*sys.argv[1:])))
