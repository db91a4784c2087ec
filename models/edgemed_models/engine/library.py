"""Loads llama.cpp's functions and nothing else, and its log: the only file that imports llama_cpp.

The package llama_cpp loads its own engine, numpy and a template engine when it is imported; edgemed
needs only the bindings. A process that loads them with `without_engine` starts in a quarter of the
processor time.
"""

import sys
from importlib.util import find_spec, module_from_spec
from typing import Any

from edgemed_models.base import ModelError

PACKAGE = "llama_cpp"
DEBUG = 1  # ggml's log levels: none, debug, info, warn, error, continued


class LlamaFailure(ModelError):
    """A call into llama.cpp failed; the last lines of its log say why."""


def without_engine() -> None:
    """Let imports of modules of llama_cpp in this process skip what the package itself imports.

    `llama_cpp.Llama` and the like are not available afterwards: only for edgemed's own processes.
    """
    spec = find_spec(PACKAGE)
    if spec is not None:  # if it is missing, the import says so
        sys.modules.setdefault(PACKAGE, module_from_spec(spec))


def functions() -> Any:
    """llama.cpp's functions, types and constants, under their own names."""
    import llama_cpp.llama_cpp

    return llama_cpp.llama_cpp


def ggml() -> Any:
    """The library with ggml's device list, on systems where it is a separate one."""
    from llama_cpp._ggml import libggml

    return libggml


def grammar_of(schema: str) -> str:
    """llama-cpp-python's grammar for a JSON schema; any error if it has none."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    return str(json_schema_to_gbnf(schema))


def log_to_stderr(level: int, text: bytes, data: object) -> None:
    """Write llama.cpp's lines, except debugging, to stderr; the client keeps the last ones."""
    if level != DEBUG:
        sys.stderr.buffer.write(text)
        sys.stderr.buffer.flush()
