"""libggml's own GGUF code through ctypes: what it writes, and what it says of broken files.

Broken files go through a process of their own (`python -m tests.oracles.libggml_gguf FILE...`
prints a JSON list: None for each file it reads, else its first complaint), because a failed
assertion in libggml ends the process.
"""

import ctypes
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edgemed_native import libggml


class InitParams(ctypes.Structure):
    """`gguf_init_params` of gguf.h."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p))


def load() -> ctypes.CDLL | None:
    """The library with its signatures, or None where llama-cpp-python is not installed."""
    path = libggml.find()
    if path is None:
        return None
    library = ctypes.CDLL(str(path))
    library.gguf_init_from_file.restype = ctypes.c_void_p
    library.gguf_init_from_file.argtypes = [ctypes.c_char_p, InitParams]
    library.gguf_write_to_file.restype = ctypes.c_bool
    library.gguf_write_to_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_bool]
    library.gguf_free.argtypes = [ctypes.c_void_p]
    return library


def rewritten(library: ctypes.CDLL, path: Path) -> bytes:
    """The header of the file at `path`, read and written again by libggml."""
    context = library.gguf_init_from_file(str(path).encode(), InitParams(True, None))
    assert context, "libggml refuses the file"
    out = path.with_suffix(".header")
    only_header = True
    assert library.gguf_write_to_file(context, str(out).encode(), only_header)
    library.gguf_free(context)
    return out.read_bytes()


def as_written(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape as libggml writes it: without trailing dimensions of 1, except the first."""
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape or (1,)


def complaints(paths: Sequence[Path]) -> list[str | None]:
    """What libggml finds wrong with each file, None if nothing; asked in a process of its own."""
    command = [sys.executable, "-m", "tests.oracles.libggml_gguf", *map(str, paths)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: list[str | None] = json.loads(done.stdout)
    return found


def main() -> None:
    library = load()
    assert library
    heard: list[str] = []
    signature = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
    listener = signature(lambda level, text, _: heard.append(text.decode("utf-8", "replace")))
    library.ggml_log_set(listener, None)
    found: list[str | None] = []
    for name in sys.argv[1:]:
        heard.clear()
        context = library.gguf_init_from_file(name.encode(), InitParams(True, None))
        found.append(None if context else "".join(heard[:1]))
        if context:
            library.gguf_free(context)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
