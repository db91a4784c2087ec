"""A lost terminal on Linux and macOS: SIGHUP, and SIGTERM from a shutdown; a stopped process."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS: tuple[signal.Signals, ...] = ()

if sys.platform != "win32":
    SIGNALS = (signal.SIGHUP, signal.SIGTERM)

    def watch(act: Callable[[], None]) -> None:
        """Call `act` on the event loop's thread when the terminal or the session goes away."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, act)

    def unwatch() -> None:
        """Restore the signals."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    def continue_once(redraw: Callable[[], None]) -> None:
        """Call on the event loop's thread when Textual reads keys already.

        Textual takes every SIGCONT for the end of a stop that it has prepared (SIGTSTP), and starts
        to read keys once more. After a SIGSTOP, or after no stop, two threads would read them and
        mix up letters; here such a SIGCONT only calls `redraw`.
        """
        loop = asyncio.get_running_loop()
        prepare, begin = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
        if not (callable(prepare) and callable(begin)):  # no terminal: a test
            return
        prepared = False

        def stop(number: int, frame: FrameType | None) -> None:
            nonlocal prepared
            prepared = True
            prepare(number, frame)

        def go_on(number: int, frame: FrameType | None) -> None:
            nonlocal prepared
            if prepared:
                prepared = False
                begin(number, frame)
            else:
                loop.call_soon_threadsafe(redraw)

        signal.signal(signal.SIGTSTP, stop)
        signal.signal(signal.SIGCONT, go_on)

    @contextmanager
    def watched(act: Callable[[], None]) -> Iterator[None]:
        """Call `act` between two steps of the main thread, which calls this; it may raise.

        A signal that is ignored (nohup) stays ignored.
        """

        def handler(number: int, frame: FrameType | None) -> None:
            act()

        ours = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, handler) for number in ours}
        try:
            yield
        finally:
            for number, earlier in before.items():
                signal.signal(number, earlier)

    def ignore() -> None:
        """Ignore further hangup signals."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
