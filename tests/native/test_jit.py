"""Kernels from the disk cache: found by another process, linked without the compiler's parts."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from edgemed_native import _jit

EVERY_KERNEL = """
import sys
from edgemed_native.codecs import CODECS, warm_up
compiled = []
warm_up([n for n, c in CODECS.items() if c.decoder], [n for n, c in CODECS.items() if c.encoder],
        compiled.append)
print(len(compiled), "numba.np.linalg" in sys.modules)
"""

needs_cache = pytest.mark.skipif(
    numba.config.DISABLE_JIT or not _jit.CACHED,
    reason="no compiled kernels, or nowhere to put them",
)


def in_a_process_of_its_own() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", EVERY_KERNEL], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@needs_cache
@pytest.mark.timeout(1200)  # every kernel is compiled
def test_every_kernel_runs_from_the_cache_and_the_compiler_stays_away() -> None:
    in_a_process_of_its_own()
    assert in_a_process_of_its_own() == ["0", "False"]


ONE_KERNEL = """
import sys
import numpy as np
from edgemed_native import _jit, mix
print(_jit.CACHED, mix.peak(np.ones((2, 4), np.float32)))
"""


def with_cache_in(folder: Path, program: str = ONE_KERNEL) -> list[str]:
    os_umask = os.umask(0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"NUMBA_CACHE_DIR": str(folder)},
        )
    finally:
        os.umask(os_umask)
    return done.stdout.split()


@needs_cache
@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_the_cache_is_the_users_alone_and_damage_costs_compiling_only(tmp_path: Path) -> None:
    assert with_cache_in(tmp_path / "k") == ["True", "1.0"]
    files = [p for p in (tmp_path / "k").rglob("*") if p.is_file()]
    assert files
    assert all(not p.stat().st_mode & 0o077 for p in (tmp_path / "k").rglob("*"))
    for path in files:
        path.write_bytes(path.read_bytes()[:7] if path.suffix == ".nbi" else b"")
    assert with_cache_in(tmp_path / "k") == ["True", "1.0"]
    assert all(path.stat().st_size > 7 for path in files)


@needs_cache
def test_a_full_disk_costs_the_cache_and_nothing_else(tmp_path: Path) -> None:
    full = """
import errno
from pathlib import Path
from edgemed_native import _jit
def replace(self, other):
    raise OSError(errno.ENOSPC, "No space left on device")
Path.replace = replace
"""
    assert with_cache_in(tmp_path / "k", full + ONE_KERNEL) == ["True", "1.0"]
    assert not [p for p in (tmp_path / "k").rglob("*") if p.is_file()]


@needs_cache
@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
@pytest.mark.parametrize("planted", ["open to others", "a link"])
def test_a_cache_that_others_could_write_is_not_run(planted: str, tmp_path: Path) -> None:
    with_cache_in(tmp_path / "k")
    (folder,) = (tmp_path / "k").iterdir()
    if planted == "open to others":
        folder.chmod(0o777)
    else:
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    assert with_cache_in(tmp_path / "k") == ["False", "1.0"]
