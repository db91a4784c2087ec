"""The finished draft: read sentence by sentence, then edited in place.

Reading and editing are two modes, so that single letters can be keys while reading.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from edgemed.clinic.case.session import DEMONSTRATION
from edgemed_tui.literal import Part, literal, visible
from edgemed_tui.messages import DraftEdited
from edgemed_tui.widgets.text_pane import TextPane

CUT = "! its end is missing"
CORNERS = 4  # columns that a title cannot have
GAP = "  "


class DraftPane(TextPane):
    """The draft."""

    HELP = """## The draft

Move through it with the arrow keys: the sentence under the cursor is marked, and what the note
says about it is underlined in the note.

- `enter` jumps to the evidence, `n` and `p` to the next and previous finding
- `d` dismisses the finding under the cursor with a reason, `i` takes over what was left out
- `e` edits the text; `escape` ends editing; `ctrl+z` and `ctrl+y` undo and redo
- `v` shows the model's draft against your text
- `s` signs, `x` exports what is signed, `ctrl+s` saves the session encrypted"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit", id="draft.edit"),
        Binding("escape", "read", "Done editing", id="draft.read"),
    ]

    def __init__(self) -> None:
        super().__init__("draft", line_numbers=False)
        self.border_title = literal("Draft")
        self.frozen = True
        self.number = 0  # of the document that is shown
        self._demonstration = self._cut = False
        self._labels: Sequence[str] = ()
        self.title_words = ("Draft", "")

    def head(self, demonstration: bool, cut: bool) -> None:
        """Show above the draft that it is not for patients, or that its end is missing."""
        self._demonstration, self._cut = demonstration, cut
        self._say_head()

    def tell(self, labels: Sequence[str]) -> None:
        """Show what the note says about the sentence under the cursor: the first of `labels` that
        fits; the longest comes first."""
        self._labels = labels
        self._say_head()

    def _say_head(self) -> None:
        """The banner in the title; the state at the bottom, or in the title if the pane is flat."""
        labels = self._labels if self.read_only else ("editing: escape when done",)
        flat = self.screen.has_class("-narrow")
        cut: tuple[Part, ...] = ("  ", (CUT, "bold")) if self._cut else ()
        heads = (*banner(self._demonstration), *cut)
        what, name = self.title_words
        room = self.outer_size.width - CORNERS - len(literal(what, *heads))
        named = f"{'  ' if heads else ': '}{name}" if name else ""
        named = named if len(named) <= room else ""  # the status line has it too
        shown = fitting(labels, room - len(named)) if flat else ""
        self.border_title = literal(what, *heads, named, shown)
        below = fitting(labels, self.outer_size.width - CORNERS + len(GAP))
        self.border_subtitle = literal("" if flat else below.strip())

    def on_resize(self) -> None:
        """A narrow screen has no line at the bottom."""
        self._say_head()

    def holds(self, text: str) -> bool:
        """Whether `text` is shown."""
        return visible(text) == self.text

    def append(self, added: str) -> None:
        """Add `added` at the end, as an edit that can be undone, with the cursor after it."""
        end = len(self.text)
        self.insert(self.replaced(end, end, added), self.document.end)
        self.move_cursor(self.document.end)
        self.post_message(DraftEdited(self.exact, self.number))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Editing can begin while an open draft is read, and end while it is edited."""
        if action == "edit":
            return self.read_only and not self.frozen
        if action == "read":
            return not self.read_only
        return super().check_action(action, parameters)

    def action_edit(self) -> None:
        """Letters now go into the text."""
        self.read_only = False
        self._modes_changed()

    def action_read(self) -> None:
        """Letters are keys again."""
        self.read_only = True
        self._modes_changed()

    def freeze(self, frozen: bool) -> None:
        """Forbid (`frozen`) or allow editing."""
        self.frozen = frozen
        if frozen and not self.read_only:
            self.action_read()
        self.refresh_bindings()

    def on_text_area_changed(self) -> None:
        """Tell the screen about an edit; text from the model is not an edit."""
        if not self.read_only:
            self.post_message(DraftEdited(self.follow(), self.number))

    def _modes_changed(self) -> None:
        self.set_class(not self.read_only, "-editing")
        self._say_head()
        self.refresh_bindings()


def fitting(labels: Sequence[str], room: int) -> str:
    """The first of the labels that fits completely after a title, with a gap; or none."""
    return next((f"{GAP}{label}" for label in labels if len(GAP) + len(label) <= room), "")


def banner(demonstration: bool) -> tuple[Part, ...]:
    """The words after "Draft" where the model is the demonstration model."""
    return ("  ", (f" {DEMONSTRATION} ", "bold reverse")) if demonstration else ()
