"""A line of a form whose value is chosen from a list, never typed."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from edgemed_tui.literal import Words, literal, one_line


class ChoiceLine(Words, can_focus=True):
    """Shows what is chosen; enter, an arrow or a letter asks for the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space,down", "ask", "Choose", show=False)
    ]

    class Asked(Message):
        """The list is requested; `typed` is the letter that was typed."""

        def __init__(self, line: "ChoiceLine", typed: str) -> None:
            super().__init__()
            self.line, self.typed = line, typed

        @property
        def control(self) -> "ChoiceLine":
            """The line."""
            return self.line

    class Changed(Message):
        """Another value was chosen."""

    def __init__(self, value: str, *, id: str) -> None:
        super().__init__(id=id)
        self._value = value
        self._show()

    @property
    def value(self) -> str:
        """The value."""
        return self._value

    @value.setter
    def value(self, value: str) -> None:
        if value != self._value:
            self._value = value
            self._show()
            self.post_message(self.Changed())

    def _show(self) -> None:
        self.say(literal(one_line(self._value), ("  ▾", "dim")))

    def action_ask(self) -> None:
        """Ask for the list."""
        self.post_message(self.Asked(self, ""))

    def on_key(self, event: events.Key) -> None:
        """A letter is the first of a name in the list."""
        if event.is_printable and event.character and event.character != " ":
            event.stop()
            self.post_message(self.Asked(self, event.character))
