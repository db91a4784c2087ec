"""Large arrays go back to the system as they are freed, where the C library can be told so."""

import json
import platform
import subprocess
import sys

import pytest

from edgemed.training import allocation
from tests.house import windows

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")

RUN = """
import json, sys
from edgemed.local_models.process_memory import resident_bytes
from edgemed.training.allocation import give_back_at_once
told = give_back_at_once() if sys.argv[1] == "told" else None
import torch
del_me = torch.ones(3 << 20)  # 12 MB: from now on glibc keeps what is smaller
del del_me
before = resident_bytes()
every = [torch.ones(2 << 20) for _ in range(32)]  # 8 MB each
full = resident_bytes() - before
del every[::2]
print(json.dumps([told, full, resident_bytes() - before]))
"""


def held(how: str) -> tuple[bool | None, float]:
    """What the call said, and the share of 32 arrays that stays where half of them are freed."""
    ran = subprocess.run(
        [sys.executable, "-c", RUN, how], capture_output=True, text=True, check=True
    )
    told, full, left = json.loads(ran.stdout)
    assert full > 250_000_000
    return told, left / full


@glibc
def test_what_is_freed_between_others_goes_back() -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    told, left = held("told")
    assert told and left < 0.6
    assert held("not told")[1] > 0.9  # without it, nothing does: the reason for all this


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    windows.plays(monkeypatch)
    assert windows.loaded(allocation).give_back_at_once() is False
