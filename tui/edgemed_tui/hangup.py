"""After a lost terminal: a few seconds to end in, and an exit code that says so."""

import os
import threading

GRACE = 5.0  # seconds to end in after a hangup: what is written to a lost terminal can block
HUNG_UP = 129  # exit code after a lost terminal: 128 + SIGHUP


def end_soon(seconds: float) -> None:
    """End this process after this many seconds, whatever it is doing."""
    deadline = threading.Timer(seconds, os._exit, (HUNG_UP,))
    deadline.daemon = True
    deadline.start()
