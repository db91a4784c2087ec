"""Keeps training out of the way: low priority, paused on battery, on heat and when memory is short.

It checks before a step, at most every few seconds, and continues when the reason is gone. The state
is saved when a pause begins, so nothing is lost if the battery runs out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from edgemed_models import machine

from edgemed.machine import strain

NEAR_LIMIT = 5.0
"""Degrees below the system's own limit at which a pause begins."""
COOLED = 15.0  # degrees below it at which a pause ends
MANY_WAITS = 10.0  # percent of the time that programs wait for memory at which a pause begins
FEW_WAITS = 1.0
LOOKED_EVERY = 5.0  # seconds, while training
ASKED_EVERY = 20.0  # seconds, while paused


@dataclass(frozen=True, slots=True)
class Signs:
    """The machine's readings now; None for those that it lacks. See edgemed.machine.strain.

    `memory_free` in bytes.
    """

    battery: bool | None
    heat_left: float | None
    memory_waits: float | None
    memory_free: int


def signs() -> Signs:
    """Take the readings."""
    return Signs(
        strain.on_battery(), strain.heat_left(), strain.memory_waits(), machine.memory().free
    )


def reason(now: Signs, needed: int, paused: bool) -> str | None:
    """Why to pause, or to stay paused; None to continue. Resuming has stricter limits.

    `needed`: bytes that a step takes, and that are free again after it.
    """
    cool, waits = (COOLED, FEW_WAITS) if paused else (NEAR_LIMIT, MANY_WAITS)
    if now.battery:
        return "the machine is on battery"
    if now.heat_left is not None and now.heat_left < cool:
        return f"it is {now.heat_left:.0f} degrees below where the system slows it down"
    if now.memory_waits is not None and now.memory_waits > waits:
        return f"programs wait for memory {now.memory_waits:.0f} % of the time"
    if now.memory_free < needed * (1.1 if paused else 1.0):
        return f"a step takes {needed / 1e6:,.0f} MB, {now.memory_free / 1e6:,.0f} MB are free"
    return None


def untold(now: Signs) -> list[str]:
    """The readings that this machine lacks, for which training cannot pause."""
    told = {"its power source": now.battery, "heat": now.heat_left}
    return [name for name, value in told.items() if value is None]


class Overnight:
    """Called before every step, with what saves the state; returns the seconds that it waited.

    `needed`: the bytes of a step.
    """

    def __init__(
        self, needed: int, say: Callable[[str], None], ask: Callable[[], Signs] = signs
    ) -> None:
        self._needed, self._say, self._ask = needed, say, ask
        self._asked = float("-inf")
        strain.lower_priority()
        missing = " or ".join(untold(ask()))
        say("low priority; paused on battery, on heat and where memory is short"
            + (f" (this machine does not report {missing})" if missing else ""))  # fmt: skip

    def __call__(self, save: Callable[[], None]) -> float:
        if time.monotonic() - self._asked < LOOKED_EVERY:
            return 0.0
        began = self._asked = time.monotonic()
        why = reason(self._ask(), self._needed, paused=False)
        if why is None:
            return 0.0
        save()
        self._say(f"paused: {why}")
        while reason(self._ask(), self._needed, paused=True):
            time.sleep(ASKED_EVERY)
        self._asked = time.monotonic()
        waited = self._asked - began
        self._say(f"continues after {waited / 60:.0f} min")
        return waited
