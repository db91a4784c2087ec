"""Prevents a crash from writing the process's memory to disk, on each system."""

import sys

if sys.platform == "win32":
    import ctypes

    # winbase.h: no dialog for critical errors or crashes, and so no report to Windows Error
    # Reporting, whose dumps hold memory. Child processes inherit both.
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX = 1, 2

    def forbid_dumps() -> None:
        """Call before a note is read."""
        ctypes.windll.kernel32.SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX)

    def why_not() -> str | None:
        """None if dumps are forbidden; else what is wrong."""
        mode = ctypes.windll.kernel32.GetErrorMode()
        return None if mode & SEM_NOGPFAULTERRORBOX else "crashes are reported"

else:
    import resource

    PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4  # linux/prctl.h

    def forbid_dumps() -> None:
        """Call before a note is read. Children inherit the limit, but not the flag."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            # The limit above has no effect if the system pipes core dumps to a program. With this
            # flag there is no dump, and the user's other processes cannot read this one's memory.
            _prctl(PR_SET_DUMPABLE, 0)

    def why_not() -> str | None:
        """None if dumps are forbidden; else what is wrong."""
        if resource.getrlimit(resource.RLIMIT_CORE)[1] != 0:
            return "core dumps are allowed"
        if sys.platform == "linux" and _prctl(PR_GET_DUMPABLE, 0) != 0:
            return "the memory can be read by the user's other programs"
        return None

    def _prctl(option: int, value: int) -> int:
        import ctypes

        return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0))
