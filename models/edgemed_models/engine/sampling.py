"""Chooses the next token: the likeliest, or a random one; with a grammar, one that it allows.

Owns llama.cpp's samplers. Raises ModelError if a grammar cannot be read or followed.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemed_models.base import ModelError
from edgemed_models.engine.binding import llama
from edgemed_models.engine.weights import Weights

CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
TOP_K, TOP_P = 40, 0.95  # used only with a temperature


class Sampler:
    """Chooses the next token: the likeliest, or with a temperature a random one by a seed.

    The grammar first checks the chosen token only. The whole vocabulary is filtered only if it
    refuses that one: filtering 128,000 candidates per token would double a small model's time.
    """

    def __init__(
        self, weights: Weights, temperature: float, seed: int, grammar: str | None
    ) -> None:
        self.n_vocab = weights.n_vocab
        self.chain = drawing_chain(temperature, seed) if temperature > 0 else None
        self.grammar = None
        if grammar is not None:
            with silence():
                self.grammar = llama.llama_sampler_init_grammar(
                    weights.vocab, grammar.encode(), b"root"
                )
            if not self.grammar:
                raise ModelError("llama.cpp cannot read the grammar", "check its GBNF")

    def choose(self, logits: npt.NDArray[np.float32]) -> int:
        """The next token for `logits` [vocabulary], which are not changed."""
        token = int(logits.argmax()) if self.chain is None else self._draw(candidates(logits))
        if self.grammar and not self._allowed(token, logits):
            token = self._within_grammar(logits)
        if self.grammar:
            llama.llama_sampler_accept(self.grammar, token)
        return token

    def _draw(self, table: npt.NDArray[np.void]) -> int:
        array = candidate_array(table)
        llama.llama_sampler_apply(self.chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def _allowed(self, token: int, logits: npt.NDArray[np.float32]) -> bool:
        one = np.array([(token, logits[token], 0.0)], CANDIDATE)
        llama.llama_sampler_apply(self.grammar, ctypes.byref(candidate_array(one)))
        return bool(np.isfinite(one["logit"][0]))

    def _within_grammar(self, logits: npt.NDArray[np.float32]) -> int:
        table = candidates(logits)
        llama.llama_sampler_apply(self.grammar, ctypes.byref(candidate_array(table)))
        allowed = table[np.isfinite(table["logit"])]
        if not len(allowed):
            raise ModelError("the grammar allows no token of this model", "simplify the schema")
        if self.chain is None:
            return int(allowed["id"][allowed["logit"].argmax()])
        return self._draw(allowed)

    def free(self) -> None:
        """Free the samplers' memory."""
        for sampler in (self.chain, self.grammar):
            if sampler:
                llama.llama_sampler_free(sampler)
        self.chain = self.grammar = None


def drawing_chain(temperature: float, seed: int) -> Any:
    """llama.cpp's samplers for random tokens: top 40, top 95 % probability, temperature, seed."""
    chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    for sampler in (
        llama.llama_sampler_init_top_k(TOP_K),
        llama.llama_sampler_init_top_p(TOP_P, 1),
        llama.llama_sampler_init_temp(temperature),
        llama.llama_sampler_init_dist(seed),
    ):
        llama.llama_sampler_chain_add(chain, sampler)
    return chain


def candidates(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.void]:
    """Every token with its logit, as llama.cpp's samplers take them."""
    table = np.zeros(len(logits), CANDIDATE)
    table["id"] = np.arange(len(logits))
    table["logit"] = logits
    return table


def candidate_array(table: npt.NDArray[np.void]) -> Any:
    """`table` as a llama_token_data_array; the samplers write into the table itself."""
    data = table.ctypes.data_as(llama.llama_token_data_p)
    return llama.llama_token_data_array(data, len(table), -1, False)


@contextmanager
def silence() -> Iterator[None]:
    """Keep everything out of the log: llama.cpp prints a grammar that it cannot read, and that may
    contain words of a note."""
    sys.stderr.flush()
    log, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(log, 2)
        os.close(log)
        os.close(nowhere)
