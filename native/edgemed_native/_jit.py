"""How kernels are compiled: serial, without the GIL, cached on disk, no fast-math.

The disk cache lives in a folder named by a digest of every source file of this package and by the
processor, so an edited helper can never leave a stale kernel behind, and an index file in it means
a kernel for this machine. Only outer kernels are cached; helpers (`inner`) are compiled into them.
Runs with NUMBA_BOUNDSCHECK have a folder of their own, because Numba's cache key does not know
that flag.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar

from llvmlite.binding import get_host_cpu_name
from numba import config, njit, version_info
from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys
from platformdirs import user_cache_path

F = TypeVar("F", bound=Callable[..., Any])

SOURCES = Path(__file__).parent

KNOWN_NUMBA = (0, 68)
"""The release whose cache `KernelCache` was written for; others keep their own."""


def sources_digest() -> str:
    """Twelve hex digits over the names and contents of this package's sources."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*.py")):
        digest.update(path.relative_to(SOURCES).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def cache_directory() -> Path:
    """Where compiled kernels of exactly these sources are kept (NUMBA_CACHE_DIR is its parent)."""
    parent = os.environ.get("NUMBA_CACHE_DIR")
    root = Path(parent) if parent else user_cache_path("edgemed", appauthor=False) / "kernels"
    checked = "-checked" if config.BOUNDSCHECK else ""
    return root / f"{DIGEST}-{config.CPU_NAME or get_host_cpu_name()}{checked}"


class KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's disk cache, without the half second it takes to get ready for compiling.

    A kernel that is found is machine code to be linked; only one that is not found needs Numba's
    registries of everything it can compile, and the compiler then loads them itself.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def can_write(folder: Path) -> bool:
    """Whether files can be made there; the folder is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


DIGEST = sources_digest()
CACHE = cache_directory()
CACHED = can_write(CACHE)
"""False where no folder can be written (a read-only container): kernels are compiled every time.
Numba's own way out would be a folder that does not know the digest."""


def kernel(function: F) -> F:
    """Compile on first call, keep on disk where possible. Array contracts are in the docstrings."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(CACHE)
    try:
        compiled: Any = njit(nogil=True, cache=CACHED, error_model="numpy")(function)
        if CACHED and not config.DISABLE_JIT and version_info.short == KNOWN_NUMBA:
            compiled._cache = KernelCache(function)
    finally:
        config.CACHE_DIR = before
    kernel: F = compiled
    return kernel


def inner(function: F) -> F:
    """A helper that only kernels call; compiled into them, never cached by itself."""
    compiled: F = njit(nogil=True, error_model="numpy")(function)
    return compiled


def inlined(function: F) -> F:
    """As `inner`, but put into its caller by Numba: LLVM then vectorises loops over array views."""
    compiled: F = njit(nogil=True, error_model="numpy", inline="always")(function)
    return compiled


def is_ready(function: Callable[..., Any]) -> bool:
    """Whether calling this compiles nothing: not a kernel, compiled here, or found on disk.

    Numba writes one index file per kernel, named after it, so names must be unique.
    """
    if not hasattr(function, "py_func"):
        return True
    name = function.__name__
    return bool(getattr(function, "signatures", ())) or any(CACHE.rglob(f"*.{name}-*.nbi"))
