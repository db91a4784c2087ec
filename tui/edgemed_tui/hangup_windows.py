"""A lost terminal on Windows: the console window closes, or the user logs off or shuts down."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS: tuple[signal.Signals, ...] = ()  # what happens here is not a signal

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    CLOSE, LOGOFF, SHUTDOWN = 2, 5, 6
    _HANDLER = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
    _kept: list[object] = []

    def watch(act: Callable[[], None]) -> None:
        """Call `act` on a thread of Windows, which ends the process when it returns."""

        def on_event(event: int) -> bool:
            if event in (CLOSE, LOGOFF, SHUTDOWN):
                act()
                return True
            return False

        handler = _HANDLER(on_event)
        _kept.append(handler)  # ctypes keeps no reference of its own
        ctypes.windll.kernel32.SetConsoleCtrlHandler(handler, True)

    def unwatch() -> None:
        """Remove the handlers."""
        while _kept:
            ctypes.windll.kernel32.SetConsoleCtrlHandler(_kept.pop(), False)

    def continue_once(redraw: Callable[[], None]) -> None:
        """Nothing to do: Windows has no signal that stops and continues a process."""

    @contextmanager
    def watched(act: Callable[[], None]) -> Iterator[None]:
        """Call `act` on a thread of Windows while the block runs."""
        watch(act)
        try:
            yield
        finally:
            unwatch()

    def ignore() -> None:
        """Nothing to do: Windows asks once."""
