"""Checks without a model: processor, memory, disk, terminal, and the rights that edgemed drops."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from edgemed_models import machine
from edgemed_models.base import ModelError
from edgemed_models.engine.probe import describe_build
from edgemed_models.privacy import dumps, sockets

from edgemed.local_models.library import folder
from edgemed.machine.check import Check
from edgemed.machine.llama import build_checks
from edgemed.storage.sizes import show_size

GIB = 1 << 30


def machine_checks() -> Iterator[Check]:
    """All checks that need no model."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Check("system", "ok", f"{system}, Python {platform.python_version()}")
    cores = machine.usable_cores()
    yield Check("processor", "ok", f"{machine.cpu_name()}, {cores} cores for the model")
    try:
        build = describe_build()
        yield from build_checks(build)
    except ModelError as error:
        yield Check("llama.cpp", "failure", error.message, error.hint)
    yield memory_check(machine.memory())
    yield disk_check(folder())
    yield sockets_check(sockets.why_not())
    yield dumps_check(dumps.why_not())
    yield from terminal_checks()
    yield cache_check()


def memory_check(memory: machine.Memory) -> Check:
    """Free memory, and what limits it."""
    found = (
        f"{show_size(memory.free)} of {show_size(memory.total)} free, within {memory.limited_by}"
    )
    if memory.private is not None:
        found += f"; at most {show_size(memory.private)} of private memory per process"
    if memory.free >= 3 * GIB:
        return Check("memory", "ok", found)
    return Check("memory", "warning", found, "close programs, or use a model of 1B to 2B weights")


def sockets_check(why_not: str | None) -> Check:
    """Whether the system stops edgemed and its libraries from opening internet sockets."""
    if why_not is None:
        return Check("internet", "ok", "the system refuses edgemed every internet socket")
    remedy = "edgemed opens none; to be sure of its libraries too, use a firewall or no network"
    return Check("internet", "warning", f"sockets are not refused: {why_not}", remedy)


def dumps_check(why_not: str | None) -> Check:
    """Whether a crash could write memory contents to the disk."""
    if why_not is None:
        return Check("core dumps", "ok", "switched off: a crash writes no memory to the disk")
    return Check("core dumps", "warning", why_not, "start edgemed with the command `edgemed`")


def disk_check(path: Path) -> Check:
    """Whether the disk has room for models."""
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    found = f"{show_size(free)} free for models in {path}"
    if free >= 5 * GIB:
        return Check("disk", "ok", found)
    return Check(
        "disk", "warning", found, "keep models on a larger disk and add them from there as links"
    )


def terminal_checks() -> Iterator[Check]:
    """Whether the screen can be shown here; looks behind a stand-in for sys.stdout, such as the one
    that the screen puts there while it is shown."""
    out = sys.__stdout__
    if out is None or not out.isatty():
        yield Check("terminal", "ok", "output is not a terminal: nothing to check")
        return
    columns, lines = shutil.get_terminal_size()
    encoding = (out.encoding or "").lower().replace("-", "")
    found = f"{columns} x {lines}, {out.encoding}, TERM={os.environ.get('TERM', '')}"
    if columns < 80 or lines < 24:
        yield Check("terminal", "warning", found, "make the window at least 80 x 24")
    elif encoding != "utf8":
        yield Check("terminal", "warning", found, "set a UTF-8 locale: notes are not only ASCII")
    else:
        yield Check("terminal", "ok", found)


def cache_check() -> Check:
    """Whether compiled kernels can be kept between runs, and where."""
    from edgemed_native import _jit

    if _jit.CACHED:
        return Check("kernel cache", "ok", str(_jit.CACHE))
    remedy = "make it writable, or set NUMBA_CACHE_DIR: without that every merge compiles again"
    return Check("kernel cache", "warning", str(_jit.CACHE), remedy)
