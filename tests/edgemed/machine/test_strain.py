"""Battery, heat and memory as Linux tells them, read from folders made for it; and as Windows."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgemed.machine import strain
from tests.house import windows

linux = pytest.mark.skipif(sys.platform == "win32", reason="files of Linux")


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n")
    return folder


@linux
@pytest.mark.parametrize(
    "status, plug, expected",
    [
        ("Discharging", "0", True),
        ("Discharging", "1", False),  # a plug that is too weak is a plug
        ("Charging", "1", False),
        ("Full", None, False),
        ("Discharging", None, True),
    ],
)
def test_power(tmp_path: Path, status: str, plug: str | None, expected: bool) -> None:
    write(tmp_path / "BAT0", type="Battery", status=status)
    write(tmp_path / "hidpp_battery_0", type="Battery", scope="Device", status="Discharging")
    if plug is not None:
        write(tmp_path / "AC", type="Mains", online=plug)
    assert strain.on_battery(tmp_path) is expected


@linux
def test_a_mouse_is_no_battery_of_the_machine_and_no_folder_tells_nothing(tmp_path: Path) -> None:
    assert strain.on_battery(tmp_path / "none") is None
    assert strain.on_battery(tmp_path) is False
    write(tmp_path / "mouse", type="Battery", scope="Device", status="Discharging")
    assert strain.on_battery(tmp_path) is False


@linux
def test_heat_is_the_least_distance_to_a_limit(tmp_path: Path) -> None:
    assert strain.heat_left(tmp_path) is None
    zone = write(
        tmp_path / "thermal/thermal_zone0", temp="61000", trip_point_0_type="critical",
        trip_point_0_temp="105000", trip_point_1_type="passive", trip_point_1_temp="95000",
        trip_point_2_type="active", trip_point_2_temp="50000", trip_point_3_type="hot",
        trip_point_3_temp="0",
    )  # fmt: skip
    assert strain.heat_left(tmp_path) == 34.0
    write(tmp_path / "thermal/thermal_zone1", temp="20000")  # no limit
    write(tmp_path / "thermal/cooling_device0", type="Processor")
    write(tmp_path / "hwmon/hwmon0", temp1_input="80000", temp1_crit="100000", temp2_input="99000")
    assert strain.heat_left(tmp_path) == 20.0
    write(tmp_path / "hwmon/hwmon1", temp1_input="-1", temp1_crit="nonsense")
    write(zone, temp="97500")
    assert strain.heat_left(tmp_path) == -2.5


@linux
def test_waits_for_memory(tmp_path: Path) -> None:
    file = tmp_path / "memory"
    assert strain.memory_waits(file) is None
    file.write_text(
        "some avg10=12.34 avg60=1.00 avg300=0.10 total=1\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    )
    assert strain.memory_waits(file) == 12.34
    file.write_text("some avg10=\n")
    assert strain.memory_waits(file) is None


@pytest.mark.parametrize("line, expected", [(0, True), (1, False), (255, None)])
def test_windows_says_whether_it_is_plugged_in(
    monkeypatch: pytest.MonkeyPatch, line: int, expected: bool | None
) -> None:
    def fill(power: Any) -> int:
        power._obj.ac_line = line
        return 1

    windows.plays(monkeypatch, kernel32=SimpleNamespace(GetSystemPowerStatus=fill))
    there = windows.loaded(strain)
    assert there.on_battery() is expected
    assert there.heat_left() is None and there.memory_waits() is None


def test_windows_lowers_the_priority_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    kernel = SimpleNamespace(
        GetCurrentProcess=windows.function(lambda: 2**64 - 1),
        SetPriorityClass=lambda handle, kind: asked.append((handle.value, kind)),
    )
    windows.plays(monkeypatch, kernel32=kernel)
    windows.loaded(strain).lower_priority()
    assert asked == [(2**64 - 1, 0x4000)]
