"""How kernels are compiled: serial, without the GIL, cached on disk, no fast-math.

The disk cache lives in a folder named by a digest of every source file of this package, so an
edited helper can never leave a stale kernel behind. Only outer kernels are cached; helpers
(`inner`) are compiled into them. Runs with NUMBA_BOUNDSCHECK have a folder of their own,
because Numba's cache key does not know that flag.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numba import config, njit
from platformdirs import user_cache_path

F = TypeVar("F", bound=Callable[..., Any])

SOURCES = Path(__file__).parent


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
    return root / f"{DIGEST}{checked}"


DIGEST = sources_digest()
CACHE = cache_directory()


def kernel(function: F) -> F:
    """Compile on first call, keep on disk. Array contracts are in the docstrings."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(CACHE)
    try:
        compiled: F = njit(nogil=True, cache=True, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = before
    return compiled


def inner(function: F) -> F:
    """A helper that only kernels call; compiled into them, never cached by itself."""
    compiled: F = njit(nogil=True, error_model="numpy")(function)
    return compiled


def is_cached(function: Callable[..., Any]) -> bool:
    """Whether some compiled form of this kernel is on disk (Numba writes one .nbi per kernel)."""
    return any(CACHE.rglob(f"*.{function.__name__}-*.nbi"))
