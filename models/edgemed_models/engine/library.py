"""llama.cpp's functions, loaded as lightly as they can be, and its log.

The package llama_cpp loads its own engine, numpy and a template engine when it is imported; of all
that edgemed needs the bindings alone. A process of its own that asks for them with `without_engine`
starts in a quarter of the processor time.
"""

import sys
from importlib.util import find_spec, module_from_spec

from edgemed_models.base import ModelError

PACKAGE = "llama_cpp"
DEBUG = 1  # ggml's log levels: none, debug, info, warn, error, continued


class LlamaFailure(ModelError):
    """A call into llama.cpp failed; the last lines of its log say why."""


def without_engine() -> None:
    """Let imports of modules of llama_cpp in this process skip what the package itself imports.

    `llama_cpp.Llama` and its like cannot be had afterwards: only for processes that are edgemed's.
    """
    spec = find_spec(PACKAGE)
    if spec is not None:  # if it is missing, the import says so
        sys.modules.setdefault(PACKAGE, module_from_spec(spec))


def log_to_stderr(level: int, text: bytes, data: object) -> None:
    """Write llama.cpp's lines, except debugging, to stderr; the client keeps the last ones."""
    if level != DEBUG:
        sys.stderr.buffer.write(text)
        sys.stderr.buffer.flush()
