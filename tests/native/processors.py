"""Run Python compiled for another processor, to compare its bits with those of this one."""

import os
import platform
import subprocess
import sys

import pytest
from edgemed_native import _jit
from llvmlite.binding import get_host_cpu_features

NEEDS = {"generic": None, "haswell": "avx2", "skylake-avx512": "avx512dq"}
"""What this machine must have to run code for an x86 processor (as LLVM names both)."""


def output_on(processor: str, code: str) -> str:
    """What `python -c code` prints with kernels compiled for `processor`; skips if it cannot run.

    The kernels are kept in the ordinary cache, in that processor's own folder.
    """
    feature = NEEDS[processor]
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("these are names of x86 processors")
    if feature and not get_host_cpu_features().get(feature):
        pytest.skip(f"this machine has no {feature}")
    settings = {"NUMBA_CACHE_DIR": str(_jit.CACHE.parent), "NUMBA_CPU_NAME": processor}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
