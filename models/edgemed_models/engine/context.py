"""A KV cache in native memory, and the batch that fills it."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemed_models.engine.binding import StopFlag, llama, view
from edgemed_models.engine.library import LlamaFailure
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.engine.weights import Weights

GGML_TYPES = {
    "f16": llama.GGML_TYPE_F16,
    "q8_0": llama.GGML_TYPE_Q8_0,
    "q4_0": llama.GGML_TYPE_Q4_0,
}
FLASH = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
ABORTED = 2


def new_context(
    weights: Weights, settings: EngineSettings, size: int, stop: StopFlag, sequences: int = 1
) -> Any:
    """llama.cpp's context for `size` tokens of `sequences` together; its decodes end at `stop`.

    Raises LlamaFailure.
    """
    params = llama.llama_context_default_params()
    params.n_ctx = size
    params.n_batch = params.n_ubatch = min(settings.batch, size)
    params.n_seq_max = sequences
    params.kv_unified = sequences > 1  # one pool: what sequences share is in it once
    params.n_outputs_max = min(max(settings.outputs, sequences), params.n_batch)
    params.n_threads = params.n_threads_batch = settings.threads
    params.type_k = params.type_v = GGML_TYPES[settings.kv_type]
    params.flash_attn_type = FLASH[settings.flash]
    context = llama.llama_init_from_model(weights.model, params)
    if not context:
        raise LlamaFailure(
            f"llama.cpp cannot make a context of {size} tokens",
            "the last lines of its log say why; a smaller context needs less memory",
        )
    address = ctypes.cast(stop.buffer, ctypes.c_void_p)
    llama.llama_set_abort_callback(context, stop.callback, address)
    return context


class LlamaContext:
    """A KV cache of `size` tokens and the batch that fills it. One sequence, number 0."""

    def __init__(
        self, weights: Weights, settings: EngineSettings, size: int, stop: StopFlag
    ) -> None:
        self.size, self.batch_size = size, min(settings.batch, size)
        self.outputs = min(settings.outputs, self.batch_size)
        self.context = new_context(weights, settings, size, stop)
        self.n_vocab = weights.n_vocab
        self.stop = stop
        self.memory = llama.llama_get_memory(self.context)
        self.batch = llama.llama_batch_init(self.batch_size, 0, 1)
        self._tokens = view(self.batch.token, self.batch_size, np.int32)
        self._positions = view(self.batch.pos, self.batch_size, np.int32)
        self._wanted = view(self.batch.logits, self.batch_size, np.int8)
        self._logits = (0, np.empty(0, np.float32))
        self.held: list[int] = []
        self.pause = 0
        for i in range(self.batch_size):
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = 0

    def clear(self) -> None:
        """Forget every token, the cache's bytes included."""
        llama.llama_memory_clear(self.memory, True)
        self.held.clear()
        self.pause = 0

    def keep(self, prompt: Sequence[int], pause: int = 0) -> int:
        """Keep only the tokens with which `prompt` begins, and return their number, never all.

        Reading pauses at token `pause`: a batch ends there (0: nowhere). Tokens are kept only as
        far as they were read in the same batches as with an empty cache, so that every number is
        the same to the last bit: up to the pause if the prompt before paused there too, and whole
        batches from 0 or from the pause on.
        """
        pairs = zip(self.held, prompt, strict=False)
        shared = next(
            (i for i, (a, b) in enumerate(pairs) if a != b), min(len(self.held), len(prompt))
        )
        most, size = min(shared, len(prompt) - 1), self.batch_size
        if pause == self.pause and 0 < pause <= most:
            kept = pause + (most - pause) // size * size
        else:
            kept = min((most, *filter(None, (pause, self.pause)))) // size * size
        if kept > 0 and self._forget_from(kept):
            del self.held[kept:]
        else:
            self.clear()
        self.pause = pause
        return len(self.held)

    def _forget_from(self, position: int) -> bool:
        """Drop the tokens from `position` on; False if the cache cannot be cut there, or has lost
        its beginning, as happens with recurrent models and sliding windows."""
        if llama.llama_memory_seq_pos_min(self.memory, 0) != 0:
            return False
        return bool(llama.llama_memory_seq_rm(self.memory, 0, position, -1))

    def decode(self, tokens: Sequence[int], at: int, wanted: int) -> bool:
        """Read `tokens` (at most a batch) at position `at`, with logits for the last `wanted`.

        False if the stop flag ended it; ModelError if llama.cpp failed.
        """
        n = len(tokens)
        self.batch.n_tokens = n
        self._tokens[:n] = tokens
        self._positions[:n] = np.arange(at, at + n)
        self._wanted[: n - wanted] = 0
        self._wanted[n - wanted : n] = 1
        read = self._decode(n, at)
        if read and at == len(self.held) and (n == self.batch_size or at + n == self.pause):
            self.held += tokens
        return read

    def step(self, token: int, at: int) -> bool:
        """`decode` for one token and its logits, but faster."""
        self.batch.n_tokens = 1
        self._tokens[0], self._positions[0], self._wanted[0] = token, at, 1
        return self._decode(1, at)

    def _decode(self, n: int, at: int) -> bool:
        code = llama.llama_decode(self.context, self.batch)
        if code in (0, ABORTED):
            return code == 0 and not self.stop
        raise LlamaFailure(
            f"llama.cpp could not read {n} tokens at position {at} (code {code})",
            "the last lines of its log say why",
        )

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """A view of one row of logits of the last decode, [vocabulary]; -1 is the last token's."""
        pointer = llama.llama_get_logits_ith(self.context, row)
        address = ctypes.addressof(pointer.contents) if pointer else 0
        if address != self._logits[0]:  # it rarely changes
            self._logits = (address, view(pointer, self.n_vocab, np.float32))
        return self._logits[1]

    def free(self) -> None:
        """Free the memory of the cache."""
        if self.context:
            llama.llama_batch_free(self.batch)
            llama.llama_free(self.context)
            self.context = None
