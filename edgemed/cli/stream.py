"""Events of a model on a terminal or a pipe: progress and timings on stderr, text on stdout."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from edgemed_models.base import Done, Event, Failed, Piece, Prefill, Timings

from edgemed.cli.printing import clear_line, shown_hint
from edgemed.printable import printable

EVERY = 2.0  # seconds between two progress lines where they cannot be overwritten


@dataclass(slots=True)
class Outcome:
    """What a stream came to: the text, and how it ended."""

    pieces: list[str] = field(default_factory=list)
    end: Done | Failed | None = None
    interrupted: bool = False

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)

    @property
    def ending(self) -> str:
        """stop, length, loop, cancelled or failed."""
        if self.interrupted:
            return "cancelled"
        return self.end.reason if isinstance(self.end, Done) else "failed"

    @property
    def complete(self) -> bool:
        """Whether the model came to its own end."""
        return self.ending == "stop"


class Progress:
    """How far the prompt is read, and about how long the rest takes; one line, kept up to date."""

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
        text = f"reading {event.done} of {event.total} tokens{remaining(event)}"
        clear_line(self.out)
        self.out.write(text if self.live else text + "\n")
        self.out.flush()
        self.open = self.live

    def clear(self) -> None:
        """Take the line away before text is written."""
        if self.open:
            clear_line(self.out)
            self.open = False


def remaining(event: Prefill) -> str:
    """About how long the rest of the prompt takes, once there is something to go by."""
    if event.left is None or event.done == event.total:
        return ""
    return f", about {event.left:.0f} s left"


def follow(events: Iterator[Event], echo: TextIO | None) -> Outcome:
    """Show progress, write pieces to `echo` as they come, and collect them."""
    outcome, progress = Outcome(), Progress(sys.stderr)
    try:
        for event in events:
            if isinstance(event, Prefill):
                progress.show(event)
                continue
            progress.clear()
            if isinstance(event, Piece):
                outcome.pieces.append(event.text)
                if echo:
                    echo.write(event.text)
                    echo.flush()
            else:
                outcome.end = event
    except KeyboardInterrupt:  # the stream has ended itself; what came so far stands
        outcome.interrupted = True
    finally:
        progress.clear()
    return outcome


def close_text(outcome: Outcome, limit: int, what: str = "DRAFT") -> None:
    """End the streamed text; one that is not whole says so where it stops."""
    marks = {
        "length": f"\n[{what} CUT at its limit of {limit} tokens: not complete]",
        "loop": f"\n[{what} ENDED: the model repeats itself. Not complete]",
        "cancelled": f"\n[{what} STOPPED: not complete]",
        "failed": f"\n[{what} BROKEN OFF: not complete]",
    }
    print(marks.get(outcome.ending, ""), flush=True)


def exit_code(outcome: Outcome) -> int:
    """0 when the model came to its own end, 130 when the user stopped it, else 1."""
    if outcome.interrupted:
        return 130
    return 0 if outcome.complete else 1


def timing_line(timings: Timings) -> str:
    """Tokens, seconds and rates, as measured in this run."""
    read, reading = timings.prompt_tokens - timings.kept_tokens, timings.prompt_seconds
    wrote, writing = timings.answer_tokens, timings.answer_seconds
    kept = f" ({timings.kept_tokens} held from before)" if timings.kept_tokens else ""
    return (
        f"read {read} tokens{kept} in {reading:.2f} s{rate(read, reading)}, "
        f"wrote {wrote} in {writing:.2f} s{rate(wrote, writing)}"
    )


def rate(tokens: int, seconds: float) -> str:
    """Tokens per second, where both were measured."""
    return f" ({tokens / seconds:.0f}/s)" if tokens and seconds > 0 else ""


def tell_failure(end: Failed) -> None:
    """Why the engine broke, what to do, and its last log lines, on stderr."""
    print(f"edgemed: {printable(end.message)}", file=sys.stderr)
    print(f"         {shown_hint(end.hint)}", file=sys.stderr)
    for line in end.log[-6:]:
        print(f"         | {printable(line)}", file=sys.stderr)
