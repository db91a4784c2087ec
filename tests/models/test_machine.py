"""Cores: those that this process was given, within what its container may take of them."""

import os
import sys
from pathlib import Path

import pytest
from edgemed_models import machine


def cgroup(folder: Path, lines: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A cgroup tree, and the file that says where this process is in it."""
    own = folder / "own"
    own.write_text(lines)
    for name, text in files.items():
        path = folder / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "fs", own


@pytest.mark.parametrize(
    ("lines", "files", "cores"),
    [
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2),
        ("0::/a/b\n", {"a/cpu.max": "800000 100000\n", "a/b/cpu.max": "150000 100000\n"}, 2),
        ("0::/a\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/a\n", {"a/cpu.max": "max 100000\n"}, None),
        ("0::/a\n", {"a/cpu.max": "damaged\n"}, None),
        (
            "4:cpu,cpuacct:/box\n2:memory:/other\n",
            {
                "cpu,cpuacct/box/cpu.cfs_quota_us": "300000\n",
                "cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            "4:cpu,cpuacct:/box\n",
            {
                "cpu,cpuacct/box/cpu.cfs_quota_us": "-1\n",
                "cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        ("", {}, None),
    ],
)
def test_a_container_has_the_cores_that_its_share_of_time_is_worth(
    tmp_path: Path, lines: str, files: dict[str, str], cores: int | None
) -> None:
    assert machine.container_cores(*cgroup(tmp_path, lines, files)) == cores


@pytest.mark.skipif(sys.platform != "linux", reason="affinity of Linux")
@pytest.mark.parametrize(
    ("given", "share", "logical", "physical"),
    [
        ({0, 1, 2, 3}, None, 4, 2),
        ({0, 2}, None, 2, 1),  # two threads of one core
        ({0, 1}, None, 2, 2),
        ({0, 1, 2, 3}, 1, 1, 1),
        ({0, 1, 2, 3}, 64, 4, 2),
    ],
)
def test_cores_are_counted_within_what_this_process_was_given(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: set[int],
    share: int | None,
    logical: int,
    physical: int,
) -> None:
    for cpu in range(4):  # 0 and 2 are one core, 1 and 3 another
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{cpu % 2},{cpu % 2 + 2}\n")
    counted = machine.physical_cores
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: given)
    monkeypatch.setattr(machine, "container_cores", lambda: share)
    monkeypatch.setattr(machine, "physical_cores", lambda: counted(tmp_path))
    assert (machine.logical_cores(), machine.usable_cores()) == (logical, physical)
