"""What this machine has: cores, memory, and the limits that a container or shell sets.

Only reads the system; `fit` and the commands decide what the numbers mean.
"""

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

NO_LIMIT = 2**62  # cgroup v1 writes a number near 2**63 for "no limit"


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `private`: private memory that this process may still take (RLIMIT_DATA), if limited.

    `free` is what the system can give without swapping, within a container's limit.
    """

    total: int
    free: int
    private: int | None = None
    limited_by: str = "the machine"


def memory() -> Memory:
    """The memory of this machine, or of its container, now."""
    total, free = system_memory()
    limit = container_limit()
    by = "the machine"
    if limit is not None and limit[1] < free:
        by = "the container's limit"
    if limit is not None:
        total, free = min(total, limit[0]), min(free, limit[1])
    return Memory(total, max(free, 0), private_limit(), by)


def container_limit(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> tuple[int, int] | None:
    """(limit, bytes left) of the tightest cgroup around this process; None without a limit."""
    limits = []
    for folder in cgroup_folders(root, own):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, used = number_in(folder / limit_name), number_in(folder / used_name)
            if limit is not None and used is not None and limit < NO_LIMIT:
                limits.append((limit, limit - used))
    return min(limits, key=lambda pair: pair[1], default=None)


def cgroup_folders(root: Path, own: Path, controller: str = "memory") -> list[Path]:
    """The folders of this process's cgroup for `controller` and of all around it, both versions.

    A line of /proc/self/cgroup is `number:controllers:path`; version 2 names no controllers.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    folders = [root, root / controller]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            base, parts = root / controllers, Path(path.lstrip("/")).parts
            folders += [base.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
    return folders


def number_in(path: Path) -> int | None:
    """The whole number in a system file; None if there is no file or no number."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def usable_cores() -> int:
    """Physical cores this process may use: more threads of a language model only wait for each
    other's arithmetic."""
    logical = logical_cores()
    return max(1, min(logical, physical_cores() or max(1, logical // 2)))


def logical_cores() -> int:
    """Threads that this process may run at once, hyper-threads counted: within the processors that
    it was given, and within the time that a container may take of them."""
    given = os.cpu_count() or 1
    if sys.platform == "linux":
        given = len(os.sched_getaffinity(0))
    return max(1, min(given, container_cores() or given))


def container_cores(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> int | None:
    """Processors whose time the tightest cgroup around this process may take; None without one."""
    shares = []
    for folder in cgroup_folders(root, own, "cpu"):
        quota, period = number_in(folder / "cpu.cfs_quota_us"), None
        if quota is not None:  # version 1; -1 for "no limit" is not a whole number
            period = number_in(folder / "cpu.cfs_period_us")
        else:
            quota, period = numbers_in(folder / "cpu.max")
        if quota and period:
            shares.append(-(-quota // period))
    return min(shares, default=None)


def numbers_in(path: Path) -> tuple[int | None, int | None]:
    """The two numbers of a file of the system; None for "max", or where there is no such file."""
    try:
        first, second = path.read_text().split()
    except (OSError, ValueError):
        return None, None
    return (int(first) if first.isdigit() else None, int(second) if second.isdigit() else None)


def physical_cores(topology: Path = Path("/sys/devices/system/cpu")) -> int | None:
    """Cores without their hyper-threads, of those that this process was given, where the system
    tells."""
    if sys.platform == "linux":
        given = (topology / f"cpu{cpu}" / "topology" for cpu in os.sched_getaffinity(0))
        siblings = [folder / "thread_siblings_list" for folder in given]
        return len({path.read_text() for path in siblings if path.exists()}) or None
    if sys.platform == "darwin":
        # Performance cores only: one efficiency core would slow down the others at every step.
        return sysctl("hw.perflevel0.physicalcpu") or sysctl("hw.physicalcpu")
    return None


def cpu_name() -> str:
    """The processor's name, as far as the system says."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def cpu_features() -> frozenset[str]:
    """Instruction sets of the processor by Linux's names; empty if the system does not say."""
    if sys.platform != "linux":
        return frozenset()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.split(":", 1)[1].split())
    return frozenset()


if sys.platform == "win32":
    import ctypes

    class _Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            ("total", ctypes.c_uint64),
            ("available", ctypes.c_uint64),
            ("rest", ctypes.c_uint64 * 5),
        )

    def system_memory() -> tuple[int, int]:
        """(total, available) bytes of physical memory."""
        status = _Status(length=ctypes.sizeof(_Status))
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status.total), int(status.available)

    def private_limit() -> int | None:
        """None: Windows has no such limit."""
        return None

    def sysctl(name: str) -> int | None:
        """None: Windows has no sysctl."""
        return None

else:
    import ctypes
    import resource

    def system_memory() -> tuple[int, int]:
        """(total, available) bytes of physical memory."""
        if sys.platform == "linux":
            lines = Path("/proc/meminfo").read_text().splitlines()
            table = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
            return table["MemTotal"], table["MemAvailable"]
        total = sysctl("hw.memsize") or 0
        page = os.sysconf("SC_PAGE_SIZE")
        free = sysctl("vm.page_free_count") or 0
        purgeable = sysctl("vm.page_purgeable_count") or 0
        # macOS keeps files in memory until the room is needed: count at least half of the memory.
        return total, max((free + purgeable) * page, total // 2)

    def private_limit() -> int | None:
        """Bytes of private memory that a new process may take under RLIMIT_DATA, if that is set."""
        soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
        return None if soft == resource.RLIM_INFINITY else int(soft)

    def sysctl(name: str) -> int | None:
        """The whole number that macOS gives for `name`; None elsewhere."""
        if sys.platform != "darwin":
            return None
        value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
        call = ctypes.CDLL(None).sysctlbyname
        code = call(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
        return int(value.value) if code == 0 else None
