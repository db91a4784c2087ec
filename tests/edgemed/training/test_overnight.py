"""Making way for others: what pauses a run, what ends a pause, and that it is saved and said."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgemed.training import overnight
from edgemed.training.overnight import Overnight, Signs, reason
from tests.edgemed.training.test_adapt import adapt, examples

__all__ = ["examples"]  # a fixture

QUIET = Signs(battery=False, heat_left=30.0, memory_waits=0.0, memory_free=10**9)
NEEDED = 5 * 10**8


@pytest.mark.parametrize(
    "change, says",
    [
        ({"battery": True}, "on battery"),
        ({"heat_left": 4.0}, "4 degrees below"),
        ({"memory_waits": 25.0}, "wait for memory 25 %"),
        ({"memory_free": 4 * 10**8}, "a step takes 500 MB, 400 MB are free"),
    ],
)
def test_each_sign_pauses_and_is_said(change: dict[str, float], says: str) -> None:
    now = replace(QUIET, **change)  # type: ignore[arg-type]
    for paused in (False, True):
        assert says in str(reason(now, NEEDED, paused))
        assert reason(QUIET, NEEDED, paused) is None


def test_a_pause_ends_a_little_later_than_it_began() -> None:
    for now in (
        replace(QUIET, heat_left=8.0),
        replace(QUIET, memory_waits=5.0),
        replace(QUIET, memory_free=NEEDED + 1),
    ):
        assert reason(now, NEEDED, paused=False) is None
        assert reason(now, NEEDED, paused=True) is not None


def test_what_a_machine_does_not_tell_pauses_nothing() -> None:
    assert reason(Signs(None, None, None, 10**9), NEEDED, False) is None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which sleeping moves; the test's own priority stays."""
    now = [100.0]
    monkeypatch.setattr(overnight.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(overnight.time, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    monkeypatch.setattr(overnight.strain, "lower_priority", lambda: None)
    return now


def test_a_run_waits_until_the_reason_is_gone(clock: list[float]) -> None:
    told: Iterator[Signs] = iter(
        [QUIET, QUIET, *[replace(QUIET, battery=True)] * 3, replace(QUIET, heat_left=9.0), QUIET]
    )
    said: list[str] = []
    saved: list[float] = []
    rest = Overnight(NEEDED, said.append, lambda: next(told))
    assert rest(lambda: saved.append(clock[0])) == 0.0  # all is well
    clock[0] += 1.0
    assert rest(lambda: saved.append(clock[0])) == 0.0  # too soon to ask again
    clock[0] += 10.0
    assert rest(lambda: saved.append(clock[0])) == 60.0 and saved == [111.0]
    assert said[1:] == ["paused: the machine is on battery", "continues after 1 min"]
    assert next(told, None) is None


def test_it_says_what_this_machine_does_not_tell(clock: list[float]) -> None:
    said: list[str] = []
    Overnight(NEEDED, said.append, lambda: QUIET)
    Overnight(NEEDED, said.append, lambda: Signs(None, None, 0.0, 10**9))
    assert "report" not in said[0] and "not report its power source or heat" in said[1]


@pytest.mark.skipif(sys.platform == "win32", reason="nice is POSIX")
def test_the_priority_falls_once() -> None:
    code = (
        "import os\nfrom edgemed.machine.strain import lower_priority\n"
        "lower_priority(); lower_priority(); print(os.nice(0))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ran.stdout) == max(15, os.nice(0))


def test_a_run_on_battery_is_saved_waits_and_ends_as_any_other(
    examples: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    battery = iter([False, True, True])  # at the start, before the first step, still
    saved: list[bool] = []

    def sleep(seconds: float) -> None:
        saved.append(examples.with_name("a.gguf.progress").exists())
        clock[0] += seconds

    monkeypatch.setattr(overnight.strain, "on_battery", lambda: next(battery, False))
    monkeypatch.setattr(overnight.strain, "heat_left", lambda: None)
    monkeypatch.setattr(overnight.strain, "memory_waits", lambda: 0.0)
    monkeypatch.setattr(overnight.time, "sleep", sleep)
    words = ("--epochs", "1", "--matrices", "attn")
    assert adapt(examples, "plain.gguf", *words) == 0
    assert adapt(examples, "a.gguf", *words, "--overnight") == 0
    said = capsys.readouterr().err
    assert saved == [True] and "paused: the machine is on battery" in said
    assert "this machine does not report heat" in said
    plain, paused = (examples.with_name(n).read_bytes() for n in ("plain.gguf", "a.gguf"))
    assert plain == paused
