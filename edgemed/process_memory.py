"""How much memory this process has: one way for each of Linux, macOS and Windows."""

import sys
from pathlib import Path

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _Counters(ctypes.Structure):
        _fields_ = (
            ("cb", wintypes.DWORD),
            ("page_faults", wintypes.DWORD),
            ("peak_working_set", ctypes.c_size_t),
            ("working_set", ctypes.c_size_t),
            ("quota", ctypes.c_size_t * 4),
            ("pagefile", ctypes.c_size_t),
            ("peak_pagefile", ctypes.c_size_t),
        )

    def resident_bytes() -> int:
        """Bytes of this process in physical memory now."""
        counters = _Counters(cb=ctypes.sizeof(_Counters))
        process = ctypes.windll.kernel32.GetCurrentProcess()
        ctypes.windll.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb)
        return int(counters.working_set)

elif sys.platform == "linux":

    def resident_bytes() -> int:
        """Bytes of this process in physical memory now."""
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

else:
    import resource

    def resident_bytes() -> int:
        """Peak bytes of this process in physical memory (macOS has no cheaper present value)."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
