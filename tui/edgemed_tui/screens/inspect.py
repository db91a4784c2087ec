"""Everything in a model's header: facts, types, every tensor, in one scrolling pane."""

from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from edgemed.errors import EdgemedError
from edgemed.gguf import open_model
from edgemed.gguf.description import describe
from edgemed.gguf.tables import summary, tensor_table, type_table
from edgemed.tables import plain_lines, safe_table
from edgemed_tui.crash import place_of
from edgemed_tui.literal import Words, literal, one_line
from edgemed_tui.remedies import complaint
from edgemed_tui.widgets.keys_line import KeysLine
from edgemed_tui.widgets.rows_pane import RowsPane

ABOUT = "What the file says of itself: the model, then its tables of weights (tensors)."


class InspectScreen(Screen[None]):
    """One file, read-only."""

    CSS_PATH = "inspect.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Back", id="inspect.close", key_display="esc")
    ]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def compose(self) -> ComposeResult:
        """The pane under the file's name."""
        yield Words(literal((" edgemed ", "bold"), f"  {one_line(self._path.name)}"), id="head")
        yield RowsPane("header", numbers=False)
        yield KeysLine()

    def on_mount(self) -> None:
        """Read the header in a thread."""
        self._read()

    @work(thread=True, exit_on_error=False)
    def _read(self) -> None:
        try:
            text = header_of(self._path)
        except EdgemedError as error:
            text = complaint(error)
        except Exception as error:  # last resort of the thread
            text = f"! {place_of(error)}"
        self.app.call_from_thread(self.query_one(RowsPane).load, text)


def header_of(path: Path) -> str:
    """The facts, the types and every tensor, as text."""
    model = open_model(path)
    found = describe(model)
    tables = (summary(found), type_table(found), tensor_table(model))
    parts = ("\n".join(plain_lines(safe_table(table))) for table in tables)
    return "\n\n".join((ABOUT, *parts))
