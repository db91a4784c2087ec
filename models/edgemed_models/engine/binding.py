"""llama.cpp's low-level C interface: the only file that imports llama_cpp.

`llama` has its functions under their own names. If a call fails, what made it raises LlamaFailure;
if llama.cpp aborts, the process ends, and the client reports why.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import llama_cpp.llama_cpp
import numpy as np
import numpy.typing as npt

from edgemed_models.base import ModelError

llama: Any = llama_cpp.llama_cpp  # its functions under their own names


class LlamaFailure(ModelError):
    """A call into llama.cpp failed; the last lines of its log say why."""


class StopFlag:
    """Set from any thread, read by llama.cpp between two operations without entering Python.

    llama.cpp calls a `bool (*)(void *)` thousands of times per batch; a Python function would need
    the interpreter lock each time. C's strlen has the right signature: for an empty string it
    returns 0 (go on), for one character 1 (stop).
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


DEBUG = 1  # ggml's log levels: none, debug, info, warn, error, continued


def log_to_stderr(level: int, text: bytes, data: object) -> None:
    """Write llama.cpp's lines, except debugging, to stderr; the client keeps the last ones."""
    if level != DEBUG:
        sys.stderr.buffer.write(text)
        sys.stderr.buffer.flush()


LOG = llama.llama_log_callback(log_to_stderr)  # llama.cpp keeps the address, so it must live on


def start() -> None:
    """Begin to use llama.cpp; again does no harm."""
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
    from llama_cpp._ggml import libggml

    for library in (libggml, llama._lib):
        function = getattr(library, name, None)
        if function is not None:
            function.restype, function.argtypes = result, arguments
            return function
    raise ModelError(f"this llama.cpp has no {name}", "install a supported llama-cpp-python")


def schema_converter() -> Callable[[str], str]:
    """llama-cpp-python's converter of JSON schemas to grammars."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    convert: Callable[[str], str] = json_schema_to_gbnf
    return convert
