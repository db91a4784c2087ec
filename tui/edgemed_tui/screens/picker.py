"""Chooses one of many by typing a few letters: models, templates, notes."""

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import Matcher
from textual.timer import Timer
from textual.widgets import Input, OptionList

from edgemed.errors import EdgemedError
from edgemed_tui.literal import Words, literal, one_line, row
from edgemed_tui.remedies import remedy
from edgemed_tui.screens.behind import Over

T = TypeVar("T")
MOST_ROWS = 300  # rows that are drawn: letters narrow the list
REST = 0.06  # seconds without a letter after which the list is drawn again


class Choice(NamedTuple, Generic[T]):
    """One thing to choose: its title, a few words about it, and itself."""

    title: str
    about: str
    value: T


def fit(matcher: Matcher, choice: Choice[Any]) -> float:
    """How well a choice fits what was typed: titles that begin like it, then any title that fits,
    then descriptions."""
    title = matcher.match(choice.title)
    begins = choice.title.casefold().startswith(matcher.query.casefold())
    if title:
        return 1000.0 + 1000.0 * begins + title
    return matcher.match(f"{choice.title} {choice.about}")


def column(choices: Sequence[Choice[Any]], widest: int) -> int:
    """The width of the titles' column: the widest title that has words beside it, or `widest`."""
    return min(widest, max((len(one_line(c.title)) for c in choices if c.about), default=0))


def drawn(choice: Choice[Any], width: int) -> Content:
    """A choice in one line: its title, in a column of `width`, and the words about it."""
    title, about = one_line(choice.title), one_line(choice.about)
    return literal((f"{title:<{width}}", "bold"), "  ", (about, "dim"))


class Picker(Over[T | None], Generic[T]):
    """A list that narrows while you type; enter takes the row, escape takes none."""

    CSS_PATH = "picker.tcss"
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (30, "-high")]  # noqa: RUF012
    WIDEST = 28  # columns of titles
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", id="picker.close"),
        Binding("down", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice[T]],
        empty: str = "",
        typed: str = "",
        marked: T | None = None,
    ) -> None:
        """`empty` is shown if nothing matches; `typed` was typed already; `marked` is highlighted
        first."""
        super().__init__()
        self._marked = marked
        self._typed_before = typed
        self._title = title
        self._choices = list(choices)
        self._shown: list[Choice[T]] = []
        self._narrowed_to = ""
        self._late: Timer | None = None
        self._empty = empty or "Nothing matches. Backspace widens the search."

    def compose(self) -> ComposeResult:
        """A search line over the list."""
        with Vertical(id="picker") as box:
            box.border_title = literal(self._title)
            box.border_subtitle = literal("enter chooses, escape closes")
            yield Input(
                self._typed_before,
                placeholder="type to search",
                id="search",
                compact=True,
                select_on_focus=False,
            )
            yield OptionList(id="choices", markup=False, compact=True)
            yield Words(self._empty, id="empty")
            yield Words(id="whole")

    def on_mount(self) -> None:
        """Everything is shown until something is typed."""
        self._narrow(self._typed_before)
        values = [choice.value for choice in self._shown]
        if self._marked is not None and not self._typed_before and self._marked in values:
            self.query_one(OptionList).highlighted = values.index(self._marked)
        self.call_after_refresh(self._make_room)

    def _make_room(self) -> None:
        """If a row is longer than the list is wide, show the highlighted row in full below."""
        width = column(self._choices, self.WIDEST)
        room = self.query_one(OptionList).size.width
        longest = max((len(drawn(choice, width).plain) for choice in self._choices), default=0)
        self.query_one("#whole").display = longest > room
        self._tell_whole()

    @on(OptionList.OptionHighlighted)
    def _tell_whole(self) -> None:
        whole, at = self.query_one("#whole", Words), self.query_one(OptionList).highlighted
        if not whole.display:
            return
        marked = None if at is None else next(iter(self._shown[at : at + 1]), None)
        whole.say(": ".join(filter(None, marked[:2])) if marked else "")

    def action_move(self, by: int) -> None:
        """Move the highlight while the search line keeps the keys."""
        self._catch_up()
        rows = self.query_one(OptionList)
        (rows.action_cursor_down if by > 0 else rows.action_cursor_up)()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        """Show the letter first; the list follows after a pause in typing."""
        if self._late is not None:
            self._late.stop()
        self._late = self.set_timer(REST, self._catch_up)

    def _catch_up(self) -> None:
        """Narrow the list to the present text of the search line."""
        typed = self.query_one("#search", Input).value
        if typed != self._narrowed_to:
            self._narrow(typed)

    def take(self, chosen: T) -> None:
        """The answer."""
        self.dismiss(chosen)

    def take_typed(self, typed: str) -> None:
        """Enter on words that match nothing."""

    def fit(self, matcher: Matcher, choice: Choice[T]) -> float:
        """How well a choice fits what was typed; 0 if it does not."""
        return fit(matcher, choice)

    def refuse(self, error: EdgemedError) -> None:
        """Say why the input is not accepted; the list stays open."""
        words = self.query_one("#empty", Words)
        words.say(f"{error.message} ({remedy(error.hint)})")
        words.display = True

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self._catch_up()
        at = self.query_one(OptionList).highlighted
        if at is not None and self._shown:
            self.take(self._shown[at].value)
        else:
            self.take_typed(event.value)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.take(self._shown[event.option_index].value)

    def _narrow(self, typed: str) -> None:
        """Show the choices that match, best first."""
        self._narrowed_to = typed
        matcher = Matcher(typed)
        scored = [(self.fit(matcher, c) if typed else 1.0, c) for c in self._choices]
        found = [c for score, c in sorted(scored, key=lambda s: -s[0]) if score > 0]
        self._shown = found[:MOST_ROWS]
        rows = self.query_one(OptionList)
        rows.clear_options()
        width = column(self._shown, self.WIDEST)
        rows.add_options(row(drawn(choice, width)) for choice in self._shown)
        rows.highlighted = 0 if self._shown else None
        self.query_one("#empty", Words).say(self._empty)
        self.query_one("#empty").display = not self._shown
