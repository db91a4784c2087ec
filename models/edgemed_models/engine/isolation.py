"""What the worker process sets up first: no core dumps, no internet, no Ctrl-C, no orphan process.

Some calls exist only on POSIX; other systems do what they can (on every system, the end of the
pipe tells a worker that its parent has ended).
"""

import os
import signal
import sys

from edgemed_models.privacy.dumps import forbid_dumps
from edgemed_models.privacy.sockets import give_up_internet

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def isolate(parent: int) -> None:
    """Protect the user's text and the terminal: call once, before any native library is loaded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the client decides what Ctrl-C means
    os.environ["GGML_NO_BACKTRACE"] = "1"  # ggml would start a debugger that prints arguments
    forbid_dumps()
    give_up_internet()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before the line above
            os._exit(0)
