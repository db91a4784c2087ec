"""What a lost terminal leaves time for: a few seconds, and an exit code that says so."""

import os
import threading

GRACE = 5.0  # seconds to end in after a hangup: what is written to a lost terminal can block
HUNG_UP = 129  # exit code of a process that its terminal has left: 128 + SIGHUP


def end_soon(seconds: float) -> None:
    """End this process in so many seconds, whatever it does then."""
    deadline = threading.Timer(seconds, os._exit, (HUNG_UP,))
    deadline.daemon = True
    deadline.start()
