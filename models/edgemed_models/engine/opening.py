"""The process that opens files in llama.cpp: header, vocabulary and tensor table, no weights.

It answers one line for each line of its input, as a worker does, and ends with it.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

from edgemed_models.base import ModelError
from edgemed_models.engine import wire
from edgemed_models.engine.isolation import isolate
from edgemed_models.engine.library import LlamaFailure, functions, log_to_stderr, without_engine


class Opening:
    """Opens one model after the other; the last stays in memory, for freeing it takes time."""

    def __init__(self) -> None:
        self.llama = functions()
        self.log = self.llama.llama_log_callback(log_to_stderr)  # llama.cpp keeps the address
        self.llama.llama_log_set(self.log, None)
        self.llama.llama_backend_init()
        self.model: Any = None

    def open(self, paths: Sequence[str]) -> None:
        """Open a model by its shards in order, whatever their names are. Raises LlamaFailure."""
        if self.model:
            self.llama.llama_model_free(self.model)
        names = (ctypes.c_char_p * len(paths))(*map(os.fsencode, paths))
        self.model = self.llama.llama_model_load_from_splits(names, len(paths), self._parameters())
        if not self.model:
            log = "the last lines of its log say why"
            raise LlamaFailure("llama.cpp cannot load the model", log)

    def _parameters(self) -> Any:
        """Those with which no weights are read."""
        params = self.llama.llama_model_default_params()
        fields = {name for name, *_ in params._fields_}
        params.n_gpu_layers = 0
        params.no_alloc = "no_alloc" in fields
        params.vocab_only = not params.no_alloc
        if "load_mode" in fields:  # simulated buffers and mapped files cannot be combined
            params.load_mode = self.llama.LLAMA_LOAD_MODE_NONE
        else:
            params.use_mmap = False
        return params


def serve(source: BinaryIO, out: BinaryIO) -> None:
    """Say that the libraries are loaded, and then of each model whether llama.cpp opens it."""
    opening = Opening()
    out.write(wire.line({"ready": True}))
    out.flush()
    for data in source:
        try:
            opening.open(wire.parse(data)["paths"])
            answer: dict[str, Any] = {"opened": True}
        except ModelError as error:
            answer = {"refused": {"message": error.message, "hint": error.hint, "logged": True}}
        out.write(wire.line(answer))
        out.flush()


def main() -> None:
    """Reserve the real output for answers, load the library, serve."""
    isolate(int(sys.argv[1]))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    without_engine()
    serve(sys.stdin.buffer, out)


if __name__ == "__main__":
    main()
