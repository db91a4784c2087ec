"""The protected pages really are there: else every test that relies on them proves nothing."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.native.guarded import guarded, guarded_copy, needs_guards

READ_OUTSIDE = """
import ctypes
from tests.native.guarded import guarded
a = guarded(1000, end={end})
ctypes.string_at(a.ctypes.data + {offset}, 1)
"""


@needs_guards
@pytest.mark.parametrize(
    "end, offset, dies",
    [(True, 999, False), (True, 1000, True), (False, 0, False), (False, -1, True)],
)
def test_a_read_just_outside_kills_the_process(end: bool, offset: int, dies: bool) -> None:
    code = READ_OUTSIDE.format(end=end, offset=offset)
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == (-signal.SIGSEGV if dies else 0)


@needs_guards
def test_guarded_memory_is_ordinary_memory() -> None:
    values = np.arange(2000, dtype=np.float32).reshape(4, 500)
    for end in (True, False):
        assert np.array_equal(guarded_copy(values, end=end), values)
        assert not guarded(5, end=end).any()
