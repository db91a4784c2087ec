"""No image of a process's memory on the disk when it crashes: one way for each system."""

import sys

if sys.platform == "win32":
    import ctypes

    # winbase.h: no dialog for critical errors, and none for a crash, which means no report to
    # Windows Error Reporting, whose dumps hold memory. Children inherit both.
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX = 1, 2

    def forbid_dumps() -> None:
        """Call before a note is read."""
        ctypes.windll.kernel32.SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX)

    def why_not() -> str | None:
        """None while dumps are forbidden; else what is missing."""
        mode = ctypes.windll.kernel32.GetErrorMode()
        return None if mode & SEM_NOGPFAULTERRORBOX else "crashes are reported"

else:
    import resource

    PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4  # linux/prctl.h

    def forbid_dumps() -> None:
        """Call before a note is read; children inherit the limit, the mark they set themselves."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            # A core pattern that is a pipe ignores the limit above; a process marked so has no
            # core, and no other process of the user can read its memory.
            _prctl(PR_SET_DUMPABLE, 0)

    def why_not() -> str | None:
        """None while dumps are forbidden; else what is missing."""
        if resource.getrlimit(resource.RLIMIT_CORE)[1] != 0:
            return "core dumps are allowed"
        if sys.platform == "linux" and _prctl(PR_GET_DUMPABLE, 0) != 0:
            return "the memory can be read by the user's other programs"
        return None

    def _prctl(option: int, value: int) -> int:
        import ctypes

        return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0))
