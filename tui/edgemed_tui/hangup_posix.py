"""A lost terminal on Linux and macOS: SIGHUP, and SIGTERM from a shutdown."""

import asyncio
import signal
import sys
from collections.abc import Callable

if sys.platform != "win32":

    def watch(act: Callable[[], None]) -> None:
        """Call `act` on the event loop's thread when the terminal or the session goes away."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, act)

    def unwatch() -> None:
        """Leave the signals as they were."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.remove_signal_handler(number)
