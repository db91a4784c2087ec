"""How kernels are compiled: serial, without the GIL, cached on disk, no fast-math.

The name of the cache folder contains a digest of all source files of this package and the
processor. So an edited helper never leaves an outdated kernel, and an index file in the folder
means that there is a kernel for this machine. Only outer kernels are cached; helpers (`inner`) are
compiled into them. Runs with NUMBA_BOUNDSCHECK have their own folder, because Numba's cache key
ignores that flag.
"""

import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar

from llvmlite.binding import get_host_cpu_name
from numba import config, njit, version_info
from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys
from platformdirs import user_cache_path

F = TypeVar("F", bound=Callable[..., Any])

SOURCES = Path(__file__).parent

KNOWN_NUMBA = (0, 68)
"""The release whose cache `KernelCache` was written for; other releases use Numba's own cache."""


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

    A cached kernel is machine code that only needs linking. Only a kernel that is not cached needs
    Numba's registries of everything it can compile, and the compiler loads those itself. If a cache
    file is damaged or cannot be written (a full disk, a power cut), the kernel is compiled again.
    """

    def __init__(self, py_func: Callable[..., Any]) -> None:
        super().__init__(py_func)
        self._cache_file._open_for_write = private_file
        folder = Path(self._cache_path)
        if folder.stat().st_mode & 0o077:  # Numba created it, with the umask's mode
            with suppress(OSError):
                folder.chmod(0o700)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)
        try:
            return self._load_overload(sig, target_context)
        except Exception:  # pickle raises many types for damaged data; the next save replaces it
            with suppress(OSError):
                Path(self._cache_file._index_path).unlink(missing_ok=True)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            self._save_overload(sig, data)


@contextmanager
def private_file(path: str) -> Iterator[IO[bytes]]:
    """A new file that gets the name `path` when it is complete, readable only by its user."""
    final = Path(path)
    part = final.with_name(f"{final.name}.tmp.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    fd = os.open(part, flags, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
        part.replace(final)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def can_write(folder: Path) -> bool:
    """Whether this user can write private files there; creates the folder if it is missing.

    Files in it are executed, so a folder that others own or may write to is not used.
    """
    try:
        for missing in reversed([f for f in (folder, *folder.parents) if not f.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        with TemporaryFile(dir=folder):
            return is_private(folder.lstat())
    except OSError:
        return False


def is_private(found: os.stat_result) -> bool:
    """Whether it is a real folder (no link), owned by this user and writable for nobody else."""
    if sys.platform == "win32":
        return True
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return own and not found.st_mode & 0o022


DIGEST = sources_digest()
CACHE = cache_directory()
CACHED = can_write(CACHE)
"""False if the folder cannot be written (a read-only container) or is not private to this user:
then kernels are compiled in every run. Numba would fall back to a folder without the digest."""


def kernel(function: F) -> F:
    """Compile on first call, cache on disk if possible. Docstrings give the array shapes."""
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
    """A helper that only kernels call; compiled into them, not cached by itself."""
    compiled: F = njit(nogil=True, error_model="numpy")(function)
    return compiled


def inlined(function: F) -> F:
    """As `inner`, but inlined by Numba: LLVM then vectorises loops over array views."""
    compiled: F = njit(nogil=True, error_model="numpy", inline="always")(function)
    return compiled


def is_ready(function: Callable[..., Any]) -> bool:
    """Whether calling this needs no compiling: not a kernel, already compiled, or cached on disk.

    Numba writes one index file per kernel, named after it, so names must be unique.
    """
    if not hasattr(function, "py_func"):
        return True
    name = function.__name__
    return bool(getattr(function, "signatures", ())) or any(CACHE.rglob(f"*.{name}-*.nbi"))
