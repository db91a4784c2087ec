"""The two lines around a session: how far it is, and how the engine is doing. Numbers only."""

from edgemed_models.base import Prefill, Timings
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from edgemed.clinic.session import Stage
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
        """Steps left, the two ways to every other key right."""
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
    """The line above the keys: model, form, what the engine is at; at the right the numbers."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self.facts: dict[str, str] = {}

    def tell(self, **facts: str) -> None:
        """Set facts by name (an empty one goes away) and show all."""
        if any(self.facts.get(name, "") != words for name, words in facts.items()):
            self.facts |= facts
            self._draw()

    def on_resize(self) -> None:
        """Another width, another gap."""
        self._draw()

    def _draw(self) -> None:
        names, doing, numbers = (
            GAP.join(self.facts[name] for name in part if self.facts.get(name))
            for part in (NAMES, DOING, NUMBERS)
        )
        said = f"{GAP}{doing}" if doing else ""
        room = max(0, self.size.width - len(numbers) - 4)
        words = cut(cut(names, max(MOST_NAMES, room - len(said))) + said, room)
        self.say(literal(f" {words:<{room}}  {numbers} "))


def cut(text: str, room: int) -> str:
    """`text` with a sign at its end where it was too long."""
    return text if len(text) <= room else f"{text[: max(0, room - 1)]}…"


class Notice(Words):
    """What went wrong and what helps: two lines that are there only when needed."""

    def __init__(self) -> None:
        super().__init__(id="notice")
        self.display = False

    def complain(self, error: EdgemedError) -> None:
        """Show `error`."""
        self.say(
            literal(
                (f"! {error.message}", "bold"), f"\n  {remedy(error.hint)}" if error.hint else ""
            )
        )
        self.display = True

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self.say("")
        self.display = False


GAP = "  ·  "
MOST_NAMES = 12  # columns that the names keep beside what is said
NAMES = ("model", "template")  # cut where there is no room for all
DOING = ("doing",)
NUMBERS = ("speed", "memory")


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
