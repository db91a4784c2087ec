"""The decode loop against llama.cpp at its simplest: whole texts read at once, the likeliest id."""

from collections.abc import Iterator
from dataclasses import replace

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest
from edgemed_models.base import Message, Piece, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.engine.weights import Weights

ONCE = (Message("user", "Once upon a time, there was a little girl named Lily."),)


class Plain:
    """One context that keeps the logits of every token."""

    def __init__(self, weights: Weights) -> None:
        params = llama.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = 512
        params.n_threads = params.n_threads_batch = 1
        self.context = llama.llama_init_from_model(weights.model, params)
        self.weights = weights

    def logits(self, ids: list[int]) -> np.ndarray:
        """[tokens, vocabulary] logits of `ids` read in one batch from an empty cache."""
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        batch = llama.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.logits[i] = token, i, 1
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
        assert llama.llama_decode(self.context, batch) == 0
        rows = [
            np.ctypeslib.as_array(
                llama.llama_get_logits_ith(self.context, i), (self.weights.n_vocab,)
            ).copy()
            for i in range(len(ids))
        ]
        llama.llama_batch_free(batch)
        return np.array(rows, np.float64)


@pytest.fixture
def plain(settings: EngineSettings) -> Iterator[Plain]:
    weights = Weights(settings)
    plain = Plain(weights)
    yield plain
    llama.llama_free(plain.context)
    weights.free()


def prompt_ids(plain: Plain) -> list[int]:
    """The prompt as llama.cpp itself tokenizes it, the template being one line end."""
    begin = plain.weights.begin()
    assert begin is not None
    return [begin, *plain.weights.tokenize(ONCE[0].content + "\n", special=True)]


def test_greedy_text_is_the_argmax_of_the_whole_text_read_at_once(
    plain: Plain, model: LlamaModel
) -> None:
    ids = prompt_ids(plain)
    text = b""
    for _ in range(30):
        token = int(plain.logits(ids)[-1].argmax())
        ids.append(token)
        text += plain.weights.piece(token)
    pieces = [e.text for e in model.generate(Request(ONCE, max_tokens=30)) if isinstance(e, Piece)]
    assert "".join(pieces) == text.decode()


def test_scores_are_the_log_softmax_of_the_whole_text_read_at_once(
    plain: Plain, settings: EngineSettings
) -> None:
    answer = "She liked to play with her toys in the park."
    before = prompt_ids(plain)
    ids = [before[0], *plain.weights.tokenize(ONCE[0].content + "\n" + answer, special=True)]
    assert ids[: len(before)] == before
    logits = plain.logits(ids)
    shifted = logits - logits.max(axis=1, keepdims=True)
    table = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    wanted = [table[i - 1, ids[i]] for i in range(len(before), len(ids))]
    model = LlamaModel(replace(settings, batch=5))
    np.testing.assert_allclose(model.score(ONCE, answer), wanted, atol=0.02)
    model.close()
