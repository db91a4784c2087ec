"""Kernels from the disk cache: found by another process, linked without the compiler's parts."""

import subprocess
import sys

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
def test_every_kernel_runs_from_the_cache_and_the_compiler_stays_away() -> None:
    in_a_process_of_its_own()
    assert in_a_process_of_its_own() == ["0", "False"]
