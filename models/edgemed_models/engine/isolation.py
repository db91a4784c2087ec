"""What the worker process does first: no core dump, no Ctrl-C, no life after its parent.

The one place with POSIX calls; other systems do what they can (the end of the pipe tells every
worker that its parent is gone).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4  # linux/prctl.h


def isolate(parent: int) -> None:
    """Shield the user's text and the terminal: call once, before anything native is loaded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the client decides what Ctrl-C means
    os.environ["GGML_NO_BACKTRACE"] = "1"  # ggml would start a debugger that prints arguments
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        # A core pattern that is a pipe ignores the limit above; a process marked so has no core,
        # and no other process of the user can read its memory.
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(0)
