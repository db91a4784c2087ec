"""llama.cpp's low-level C interface, as far as edgemed uses it.

`llama` has its functions under their own names. If a call fails, the caller raises LlamaFailure;
if llama.cpp aborts, the process ends, and the client reports why.
"""

import ctypes
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemed_models.base import ModelError
from edgemed_models.engine.library import functions, ggml, log_to_stderr

llama = functions()


class StopFlag:
    """Set from any thread, read by llama.cpp between two operations without entering Python.

    llama.cpp calls a `bool (*)(void *)` thousands of times per batch; a Python function would need
    the interpreter lock each time. C's strlen has the right signature: for an empty string it
    returns 0 (continue), for one character 1 (stop).
    """

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(2)
        library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
        self.callback = ctypes.cast(library.strlen, llama.ggml_abort_callback)

    def set(self, stop: bool) -> None:
        """True stops the running decode; False lets the next one run."""
        self.buffer[0] = b"\x01" if stop else b"\x00"

    def __bool__(self) -> bool:
        return self.buffer[0] != b"\x00"


LOG = llama.llama_log_callback(log_to_stderr)  # llama.cpp keeps the address, so it must live on


def start() -> None:
    """Initialize llama.cpp; safe to call twice."""
    llama.llama_log_set(LOG, None)
    llama.llama_backend_init()


def view(pointer: Any, length: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The `length` values at a C pointer as an array, without a copy."""
    address = ctypes.cast(pointer, ctypes.c_void_p).value
    if address is None:
        raise ModelError("llama.cpp returned no logits", "report this")
    kind = np.dtype(dtype)
    memory: Any = (ctypes.c_char * (length * kind.itemsize)).from_address(address)
    return np.frombuffer(memory, kind)


def ggml_function(name: str, result: Any, *arguments: Any) -> Any:
    """A function of ggml's device list; it is in a different library on each system."""
    for library in (ggml(), llama._lib):
        function = getattr(library, name, None)
        if function is not None:
            function.restype, function.argtypes = result, arguments
            return function
    raise ModelError(f"this llama.cpp has no {name}", "install a supported llama-cpp-python")
