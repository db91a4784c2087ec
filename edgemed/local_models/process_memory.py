"""How much memory a process uses, on Linux, macOS and Windows."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    QUERY = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION

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

    def resident_bytes(pid: int | None = None) -> int:
        """Bytes of this process, or of process `pid`, in physical memory now; 0 if it is gone."""
        kernel = ctypes.windll.kernel32
        kernel.OpenProcess.restype = wintypes.HANDLE
        counters = _Counters(cb=ctypes.sizeof(_Counters))
        process = wintypes.HANDLE(kernel.OpenProcess(QUERY, False, pid or os.getpid()))
        try:
            ctypes.windll.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb)
        finally:
            kernel.CloseHandle(process)
        return int(counters.working_set)

elif sys.platform == "linux":

    def resident_bytes(pid: int | None = None) -> int:
        """Bytes of this process, or of process `pid`, in physical memory now; 0 if it is gone."""
        try:
            status = Path(f"/proc/{pid or os.getpid()}/status").read_text()
        except OSError:
            return 0
        for line in status.splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

else:
    import ctypes

    TASK_INFO = 4  # PROC_PIDTASKINFO of libproc.h: virtual and resident bytes come first of 96

    def resident_bytes(pid: int | None = None) -> int:
        """Bytes of this process, or of process `pid`, in physical memory now; 0 if it is gone."""
        info = (ctypes.c_uint64 * 12)()
        size = ctypes.sizeof(info)
        library = ctypes.CDLL("/usr/lib/libproc.dylib")
        library.proc_pidinfo.argtypes = (
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_uint64,
            ctypes.c_void_p,
            ctypes.c_int,
        )
        got = library.proc_pidinfo(pid or os.getpid(), TASK_INFO, 0, ctypes.byref(info), size)
        return int(info[1]) if got == size else 0
