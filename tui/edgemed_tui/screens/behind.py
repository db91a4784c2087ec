"""What opens over a page keeps it in sight, dimmed.

Textual composes the covered page again for every change on it, and a key waits for that. Here its
picture is kept: drawn when something opens, and at most once in a second while it changes.
"""

from typing import TYPE_CHECKING, Any, Self

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.command import CommandPalette
from textual.geometry import Region, Size
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.strip import Strip

if TYPE_CHECKING:
    Base = Screen[Any]
else:
    Base = object  # Textual takes styles of the first base class that is a screen

VEIL = 0.6  # how much of a page's colours goes into the background
DIM = Style(dim=True)
EVERY = 1.0  # seconds between two pictures of the page
ARRANGED = 0.1  # seconds after another size of the terminal in which the page is arranged


class PageBehind(Base):
    """Shows the page below where nothing of its own stands."""

    _page_picture: tuple[str, list[Strip]] | None = None  # with the theme that it was drawn in
    _page_changed: list[Region] | None = None

    def render_line(self, y: int) -> Strip:
        """Line `y` of the page below."""
        if self._page_picture is None or self._page_picture[0] != self.app.theme:
            self._page_picture = self.app.theme, veiled(self._below, self.size)
        rows = self._page_picture[1]
        return rows[y] if y < len(rows) else Strip.blank(self.size.width)

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Regions are what has changed on the page below: it is drawn again a little later."""
        if not regions:
            return super().refresh(repaint=repaint, layout=layout, recompose=recompose)
        if self._page_changed is None:
            self._page_changed = []
            self.set_timer(EVERY, self._draw_page)
        self._page_changed += regions
        return self

    def on_resize(self) -> None:
        """The page below gets another size too."""
        self._page_picture = None
        self.set_timer(ARRANGED, self._draw_page)

    @property
    def _below(self) -> Screen[Any] | None:
        """The page; None where this is closing."""
        stack = self.app.screen_stack
        at = stack.index(self) if self in stack else 0
        return stack[at - 1] if at else None

    def _draw_page(self) -> None:
        regions, self._page_changed, self._page_picture = self._page_changed or (), None, None
        if self.is_current:
            super().refresh(*regions)


class Over(PageBehind, ModalScreen[ScreenResultType]):
    """A dialog over a page."""


class Commands(PageBehind, CommandPalette):
    """The list of commands over a page."""


def veiled(page: Screen[Any] | None, size: Size) -> list[Strip]:
    """The lines of `page`, dimmed; in a theme of the terminal's own colours by the terminal."""
    if page is None:
        return []
    app = page.app
    background = Color.parse(app.theme_variables["background"])
    own = background.ansi is not None
    veil = Color(0, 0, 0, 0) if own else background.with_alpha(VEIL)
    options = app.console.options.update_dimensions(*size)
    rows = app.console.render_lines(BackgroundScreen(page, veil), options, pad=False)
    return [Strip(Segment.apply_style(row, post_style=DIM if own else None)) for row in rows]
