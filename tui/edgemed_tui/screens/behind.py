"""Dialogs over a page keep it visible, dimmed.

Textual composes the covered page again for every change on it, and a key waits for that. Here a
picture of the page is kept: it is drawn when a dialog opens, and then only changed rows are, at
most once a second, and much less often while somebody types.
"""

import time
from collections.abc import Container, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.command import CommandPalette
from textual.geometry import Region
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.strip import Strip

if TYPE_CHECKING:
    Base = Screen[Any]
else:
    Base = object  # Textual takes styles of the first base class that is a screen

VEIL = 0.6  # how much a page's colours are dimmed into the background
DIM = Style(dim=True)
EVERY = 1.0  # seconds between two pictures of the page
TYPING = 1.0  # seconds since the last key in which somebody counts as typing
LONGEST = 10.0  # seconds between two pictures while somebody types
ARRANGED = 0.1  # seconds after a change of the terminal's size in which the page is laid out


class PageBehind(Base):
    """Shows the page below wherever the dialog itself shows nothing."""

    _page_picture: tuple[str, dict[int, Strip]] | None = None  # with the theme that it was drawn in
    _page_changed: list[Region] | None = None
    _page_drawn = 0.0  # when

    def render_line(self, y: int) -> Strip:
        """Line `y` of the page below."""
        if self._page_picture is None or self._page_picture[0] != self.app.theme:
            self._picture_all()
        assert self._page_picture is not None
        return self._page_picture[1].get(y) or Strip.blank(self.size.width)

    def _picture_all(self) -> None:
        whole, self._page_drawn = self.size.region, time.monotonic()
        self._page_picture = self.app.theme, veiled(self._below, whole, whole.line_range)

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Regions have changed on the page below: it is drawn again a little later."""
        if not regions:
            return super().refresh(repaint=repaint, layout=layout, recompose=recompose)
        if self._page_changed is None:
            self._page_changed = []
            self.set_timer(EVERY, self._draw_page)
        self._page_changed += regions
        return self

    def on_resize(self) -> None:
        """The page below gets the new size too, or its first one if this has just opened."""
        self._page_picture = None
        self.set_timer(ARRANGED, self._draw_page)

    @property
    def _below(self) -> Screen[Any] | None:
        """The page; None if this is closing."""
        stack = self.app.screen_stack
        at = stack.index(self) if self in stack else 0
        return stack[at - 1] if at else None

    def _is_typing(self, now: float) -> bool:
        app: Any = self.app
        return bool(now - app.last_input < TYPING)

    def _draw_page(self) -> None:
        """Draw what has changed on the page; all of it after a change of the terminal's size."""
        now = time.monotonic()
        if self._page_changed and self._is_typing(now) and now - self._page_drawn < LONGEST:
            self.set_timer(TYPING, self._draw_page)
            return
        self._page_drawn = now
        regions, self._page_changed = self._page_changed or (), None
        if not regions:
            self._page_picture = None
        elif self._page_picture is not None:
            rows = {y for region in regions for y in region.line_range}
            self._page_picture[1].update(veiled(self._below, Region.from_union(regions), rows))
        if self.is_current:
            super().refresh(*regions)


class Over(PageBehind, ModalScreen[ScreenResultType]):
    """A dialog over a page."""


class Commands(PageBehind, CommandPalette):
    """The list of commands over a page."""


def veiled(page: Screen[Any] | None, part: Region, rows: Container[int]) -> dict[int, Strip]:
    """Those of `rows` of `page` that lie in `part`, from edge to edge, dimmed; in the theme of the
    terminal's own colours the terminal dims them."""
    if page is None:
        return {}
    background = Color.parse(page.app.theme_variables["background"])
    veil = None if background.ansi is not None else background.with_alpha(VEIL)
    whole = page._compositor.size.region  # while it is laid out again, not the page's own
    part = Region(0, part.y, whole.width, part.height).intersection(whole)
    chops = page._compositor._render_chops(part, rows.__contains__)
    return {y: dimmed(chops[y].values(), veil) for y in part.line_range if y in rows}


def dimmed(chops: Iterable[Strip | None], veil: Color | None) -> Strip:
    """A row, put together and dimmed."""
    return Strip(
        [Segment(text, under(style, veil)) for chop in chops if chop for text, style, _ in chop]
    )


@lru_cache(4096)
def under(style: Style | None, veil: Color | None) -> Style:
    """`style` dimmed, without its click actions; each is computed once."""
    plain = (style or Style()).clear_meta_and_links()
    if veil is None:
        return plain + DIM
    fore, back = (
        (Color.from_rich_color(colour) + veil).rich_color if colour is not None else None
        for colour in (plain.color, plain.bgcolor)
    )
    return plain + Style.from_color(fore, back)
