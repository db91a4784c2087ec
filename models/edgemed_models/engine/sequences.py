"""A KV cache in which several sequences grow side by side, a token or more of each per decode.

Raises LlamaFailure if a call fails. The cache is one pool: cells that several sequences share (the
same beginning) are in it once, and a sequence that ends gives its own back.
"""

import numpy as np
import numpy.typing as npt

from edgemed_models.engine.binding import StopFlag, llama, view
from edgemed_models.engine.context import ABORTED, new_context
from edgemed_models.engine.library import LlamaFailure
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.engine.weights import Weights

FIRST = 0
"""The sequence that holds the shared beginning; the others are numbered from 1."""


class Sequences:
    """`count` sequences in a pool of `size` tokens, beside the one that holds what they share."""

    def __init__(
        self, weights: Weights, settings: EngineSettings, size: int, count: int, stop: StopFlag
    ) -> None:
        self.size, self.count, self.stop = size, count, stop
        self.n_vocab = weights.n_vocab
        self.context = new_context(weights, settings, size, stop, count + 1)
        self.memory = llama.llama_get_memory(self.context)
        self.batch_size = min(settings.batch, size)
        self.batch = llama.llama_batch_init(self.batch_size, 0, 1)
        self._tokens = view(self.batch.token, self.batch_size, np.int32)
        self._positions = view(self.batch.pos, self.batch_size, np.int32)
        self._wanted = view(self.batch.logits, self.batch_size, np.int8)
        self._owners = [self.batch.seq_id[i] for i in range(self.batch_size)]
        for i in range(self.batch_size):
            self.batch.n_seq_id[i] = 1
        self.clear()

    def clear(self) -> None:
        """Empty the batch that the next decode reads."""
        self.filled = 0

    def put(self, sequence: int, tokens: list[int], at: int, wanted: bool) -> int:
        """Put `tokens` of a sequence, from its position `at` on, into the batch.

        Returns the row of the last one, whose logits come if they are `wanted`.
        """
        begin, end = self.filled, self.filled + len(tokens)
        self._tokens[begin:end] = tokens
        self._positions[begin:end] = np.arange(at, at + len(tokens))
        self._wanted[begin:end] = 0
        self._wanted[end - 1] = wanted
        for place in range(begin, end):
            self._owners[place][0] = sequence
        self.filled = end
        return end - 1

    def decode(self) -> bool:
        """Read the batch and empty it. False if the stop flag ended it."""
        self.batch.n_tokens = self.filled
        code = llama.llama_decode(self.context, self.batch)
        if code not in (0, ABORTED):
            raise LlamaFailure(
                f"llama.cpp could not read {self.filled} tokens of several texts (code {code})",
                "the last lines of its log say why",
            )
        self.clear()
        return code == 0 and not self.stop

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """A view of the logits of a row of the last decode, [vocabulary]."""
        return view(llama.llama_get_logits_ith(self.context, row), self.n_vocab, np.float32)

    def branch(self, sequence: int) -> None:
        """Begin `sequence` with the cells of the first one; nothing is read or copied."""
        llama.llama_memory_seq_cp(self.memory, FIRST, sequence, -1, -1)

    def drop(self, sequence: int) -> None:
        """Forget a sequence; cells that no other one shares are free again."""
        llama.llama_memory_seq_rm(self.memory, sequence, -1, -1)

    def free(self) -> None:
        """Free the memory of the cache."""
        if self.context:
            llama.llama_batch_free(self.batch)
            llama.llama_free(self.context)
            self.context = None
