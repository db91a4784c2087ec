"""Events of a model on a terminal or a pipe: progress and timings on stderr, text on stdout."""

import argparse
import os
import stat
import sys
import time
from collections.abc import Iterator
from typing import TextIO

from edgemed_models.answer import Answer, collect
from edgemed_models.base import Event, Failed, Piece, Prefill, Timings

from edgemed.amounts import amount
from edgemed.cli.options.named import with_options
from edgemed.cli.terminal.printing import clear_line, shown_hint
from edgemed.printable import printable

EVERY = 2.0  # seconds between two progress lines if they cannot be overwritten


class ReadingProgress:
    """How much of the prompt is read, and about how long the rest takes; one line, updated."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.live = out.isatty()
        self.last = 0.0
        self.open = False

    def show(self, event: Prefill) -> None:
        """Show one step; on a pipe no more often than every two seconds."""
        now = time.monotonic()
        if not self.live and event.done < event.total and now - self.last < EVERY:
            return
        self.last = now
        text = f"reading {event.done:,} of {amount(event.total, 'token')}{remaining(event)}"
        clear_line(self.out)
        self.out.write(text if self.live else text + "\n")
        self.out.flush()
        self.open = self.live

    def clear(self) -> None:
        """Erase the line before text is written."""
        if self.open:
            clear_line(self.out)
            self.open = False


def remaining(event: Prefill) -> str:
    """About how long the rest of the prompt takes, once enough was read to estimate it."""
    if event.left is None or event.done == event.total:
        return ""
    return f", about {event.left:.0f} s left"


def follow(events: Iterator[Event], echo: TextIO | None) -> Answer:
    """Show progress, write pieces to `echo` as they come, and collect them."""
    answer, progress = Answer(), ReadingProgress(sys.stderr)

    def show(event: Event) -> None:
        if isinstance(event, Prefill):
            progress.show(event)
            return
        progress.clear()
        if isinstance(event, Piece) and echo:
            echo.write(event.text)
            echo.flush()

    try:
        return collect(events, show, answer)
    except KeyboardInterrupt:  # the stream has ended; what came so far is kept
        answer.interrupted = True
        return answer
    finally:
        progress.clear()


def close_text(answer: Answer, limit: int, what: str = "DRAFT") -> None:
    """End the streamed text; if it is incomplete, say so at its end."""
    marks = {
        "length": f"\n[{what} CUT at its limit of {amount(limit, 'token')}: not complete]",
        "loop": f"\n[{what} ENDED: the model repeats itself. Not complete]",
        "cancelled": f"\n[{what} STOPPED: not complete]",
        "failed": f"\n[{what} BROKEN OFF: not complete]",
    }
    print(marks.get(answer.ending, ""), flush=True)


def is_saved(stream: TextIO) -> bool:
    """Whether output goes straight into a file."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # a stream without a file descriptor, or a closed one
        return False


def exit_code(answer: Answer) -> int:
    """0 if the model ended by itself, 130 if the user stopped it, else 1."""
    if answer.interrupted:
        return 130
    return 0 if answer.complete else 1


def timing_line(timings: Timings) -> str:
    """Tokens, seconds and rates, as measured in this run."""
    read, reading = timings.prompt_tokens - timings.kept_tokens, timings.prompt_seconds
    wrote, writing = timings.answer_tokens, timings.answer_seconds
    kept = f" ({timings.kept_tokens} kept from before)" if timings.kept_tokens else ""
    return (
        f"read {amount(read, 'token')}{kept} in {reading:.2f} s{rate(read, reading)}, "
        f"wrote {wrote} in {writing:.2f} s{rate(wrote, writing)}"
    )


def rate(tokens: int, seconds: float) -> str:
    """Tokens per second, if both were measured."""
    return f" ({tokens / seconds:.0f}/s)" if tokens and seconds > 0 else ""


def tell_failure(end: Failed, args: argparse.Namespace) -> None:
    """Why the engine broke, what to do, and its last log lines, on stderr."""
    print(f"edgemed: {printable(end.message)}", file=sys.stderr)
    print(f"         {shown_hint(with_options(end.hint, args))}", file=sys.stderr)
    for line in end.log[-6:]:
        print(f"         | {printable(line)}", file=sys.stderr)
