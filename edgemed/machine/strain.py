"""Reasons to pause work on this machine now: battery, heat, memory. Linux and Windows.

Linux reports them under /sys and /proc; Windows reports battery and memory, not heat. What a system
does not report is None. Nothing is changed except this process's own priority.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    import ctypes

    BELOW_NORMAL, ON_BATTERY, UNKNOWN = 0x4000, 0, 255

    class _Power(ctypes.Structure):
        _fields_ = (
            ("ac_line", ctypes.c_uint8),
            ("battery", ctypes.c_uint8),
            ("percent", ctypes.c_uint8),
            ("saver", ctypes.c_uint8),
            ("seconds_left", ctypes.c_uint32),
            ("seconds_full", ctypes.c_uint32),
        )

    def lower_priority() -> None:
        """Let other programs go first, for the rest of this process's life."""
        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.SetPriorityClass(ctypes.c_void_p(kernel.GetCurrentProcess()), BELOW_NORMAL)

    def on_battery() -> bool | None:
        """Whether the power comes from a battery."""
        power = _Power()
        if not ctypes.windll.kernel32.GetSystemPowerStatus(ctypes.byref(power)):
            return None
        return None if power.ac_line == UNKNOWN else power.ac_line == ON_BATTERY

    def heat_left() -> float | None:
        """None: Windows reports no temperature to programs."""
        return None

    def memory_waits() -> float | None:
        """None: Windows has no such figure."""
        return None

else:
    NICE = 15
    WAITS = "some avg10="

    def lower_priority() -> None:
        """Let other programs go first, for the rest of this process's life."""
        os.nice(max(0, NICE - os.nice(0)))

    def on_battery(supplies: Path = Path("/sys/class/power_supply")) -> bool | None:
        """Whether the power comes from a battery. Batteries of mice and phones do not count."""
        kinds = {folder: _text(folder / "type") for folder in _folders(supplies)}
        own = [f for f, k in kinds.items() if k == "Battery" and _text(f / "scope") != "Device"]
        plugs = [_text(f / "online") for f, k in kinds.items() if k in ("Mains", "USB")]
        if "1" in plugs:
            return False
        states = [_text(folder / "status") for folder in own]
        if states:
            return "Discharging" in states
        return False if supplies.is_dir() else None

    def heat_left(classes: Path = Path("/sys/class")) -> float | None:
        """Degrees (C) left to the limit at which the hottest part slows or stops the system."""
        zones = (_zone(folder) for folder in _folders(classes / "thermal"))
        sensors = (_sensor(file) for file in sorted(classes.glob("hwmon/*/temp*_input")))
        return min((left for each in (zones, sensors) for left in each if left is not None),
                   default=None)  # fmt: skip

    def memory_waits(pressure: Path = Path("/proc/pressure/memory")) -> float | None:
        """Percent of the last ten seconds in which some program waited for memory."""
        for line in _text(pressure).splitlines():
            if line.startswith(WAITS):
                try:
                    return float(line.removeprefix(WAITS).split()[0])
                except (ValueError, IndexError):
                    return None
        return None

    def _zone(folder: Path) -> float | None:
        """Degrees that a thermal zone is below its first limit."""
        limits = [
            limit
            for kind in sorted(folder.glob("trip_point_*_type"))
            if _text(kind) in ("passive", "hot", "critical")
            and (limit := _degrees(kind.with_name(kind.name.replace("_type", "_temp"))))
        ]
        now = _degrees(folder / "temp")
        return min(limits) - now if limits and now is not None else None

    def _sensor(file: Path) -> float | None:
        """Degrees that a sensor is below what is critical for it."""
        now, limit = _degrees(file), _degrees(file.with_name(file.name.replace("input", "crit")))
        return limit - now if limit and now is not None else None

    def _degrees(path: Path) -> float | None:
        """Thousandths of a degree in a file, as degrees; None for what is not a temperature."""
        try:
            found = int(_text(path)) / 1000
        except ValueError:
            return None
        return found if 0 < found < 200 else None

    def _folders(path: Path) -> Iterator[Path]:
        try:
            yield from sorted(path.iterdir())
        except OSError:
            return

    def _text(path: Path) -> str:
        """A file of the system; empty if it cannot be read."""
        try:
            return path.read_text("utf-8").strip()
        except (OSError, ValueError):
            return ""
