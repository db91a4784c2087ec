"""The two lines around a session: the steps done, and the engine's state. No text of a note."""

from collections.abc import Mapping

from edgemed_models.base import Prefill, Timings
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from edgemed.clinic.case.session import Stage
from edgemed.errors import EdgemedError
from edgemed_tui.literal import Words, literal
from edgemed_tui.remedies import remedy

STAGES: tuple[tuple[Stage, str], ...] = (
    ("note", "note"),
    ("draft", "draft"),
    ("reviewed", "checked"),
    ("signed", "signed"),
)


class StageLine(Horizontal):
    """The top line: the steps with a dot each, filled as far as the session has come."""

    def compose(self) -> ComposeResult:
        """Steps on the left; on the right the keys for help and for all commands."""
        yield Words(id="steps")
        yield Words(literal(("f1", "bold"), " help  ", ("^p", "bold"), " commands "), id="ways")

    def show(self, stage: Stage, has_note: bool) -> None:
        """Show how far the session is."""
        reached = [s for s, _ in STAGES].index(stage) if has_note else -1
        steps = [_step(at, reached, word) for at, (_, word) in enumerate(STAGES)]
        name = literal((" edgemed ", "bold"), "  ")
        self.query_one("#steps", Words).say(Content("").join([name, *steps]))


def _step(at: int, reached: int, word: str) -> Content:
    style = "bold" if at == reached else "dim" if at > reached else ""
    return literal((f"{'●' if at <= reached else '○'} {word}", style), "   ")


class StatusLine(Words):
    """The line above the keys: model, template, the engine's step; numbers on the right."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self.facts: dict[str, str] = {}

    def tell(self, **facts: str) -> None:
        """Set facts by name (an empty one is removed) and show all."""
        if any(self.facts.get(name, "") != words for name, words in facts.items()):
            self.facts |= facts
            self._draw()

    def on_resize(self) -> None:
        """Lay out again for the new width."""
        self._draw()

    def _draw(self) -> None:
        left, right = fitting(self.facts, self.size.width - 2)
        room = max(0, self.size.width - 2 - len(right))
        self.say(literal(f" {left:<{room}}{right} "))


def fitting(facts: Mapping[str, str], room: int) -> tuple[str, str]:
    """The words on the left and on the right: facts without room are left out, and the last one is
    cut."""
    spared: set[str] = set()
    for gone in ("", *SPARED):
        spared.add(gone)
        left, right = (
            GAP.join(facts[name] for name in part if facts.get(name) and name not in spared)
            for part in (LEFT, RIGHT)
        )
        if len(left) + len(right) + 2 * bool(right) <= room:
            return left, right
    return cut(left, room), ""


def cut(text: str, room: int) -> str:
    """`text`, with a sign at its end if it was too long."""
    return text if len(text) <= room else f"{text[: max(0, room - 1)]}…"


class Notice(Words):
    """What went wrong and the remedy: a line or two, shown only when needed. A narrow screen has no
    status line meanwhile."""

    def __init__(self) -> None:
        super().__init__(id="notice")
        self._error: EdgemedError | None = None
        self.display = False

    def complain(self, error: EdgemedError) -> None:
        """Show `error`."""
        self._say(error)
        self._error, self.display = error, True
        self.screen.add_class("-noticed")

    def _say(self, error: EdgemedError) -> None:
        helps = remedy(error.hint) if error.hint else ""
        fits = len(error.message) + len(helps) + 6 <= self.screen.size.width
        between = (": " if fits else "\n  ") if helps else ""
        self.say(literal((f"! {error.message}", "bold"), f"{between}{helps}"))

    def on_resize(self) -> None:
        """One line may need two now."""
        if self._error is not None:
            self._say(self._error)

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self.say("")
        self._error, self.display = None, False
        self.screen.remove_class("-noticed")


GAP = "  ·  "
LEFT = ("model", "template", "doing")
RIGHT = ("speed", "memory")
SPARED = ("memory", "speed", "template", "model")
"""What is left out first if there is no room for all: a title names the template too, and the
list of models (ctrl+l) the model."""


def memory(nbytes: int) -> str:
    """How much memory edgemed takes, to three digits: a line that flickers is not read."""
    return f"memory {nbytes / 2**30:.1f} GiB" if nbytes >= 2**30 else f"memory {nbytes >> 20} MiB"


def reading(progress: Prefill) -> str:
    """How much of the prompt the model has read, and how long the rest will take."""
    if progress.done >= progress.total:
        return "the note is read"
    share = progress.done / progress.total
    if progress.left is None:
        return f"reading {share:.0%}"
    return f"reading {share:.0%}, {progress.left:.0f} s left"


def speed(timings: Timings) -> str:
    """Tokens per second of the answer, as the engine measured it."""
    if not timings.answer_tokens or timings.answer_seconds <= 0:
        return ""
    return f"{timings.answer_tokens / timings.answer_seconds:.1f} tok/s"
