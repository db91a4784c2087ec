"""The draft's pane draws rows from memory exactly as the text area itself would draw them."""

from pathlib import Path

from edgemed_tui.widgets.text_pane import TextPane
from textual.strip import Strip
from textual.widgets import TextArea

from tests.tui.driving import drafted, panes_of, press


def both(pane: TextPane) -> tuple[list[Strip], list[Strip]]:
    """Rows from memory, and rows drawn afresh."""
    region = pane.outer_size.region
    kept = pane.render_lines(region)
    pane._styles_cache.clear()
    pane._line_cache.clear()
    return kept, TextArea.render_lines(pane, region)


def assert_same(pane: TextPane) -> None:
    margin = pane.styles.gutter.left - 1
    for kept, fresh in zip(*both(pane), strict=True):
        same = [
            [list(row.crop(*cut).simplify()) for cut in ((0, margin), (margin + 1, None))]
            for row in (kept, fresh)
        ]
        assert same[0] == same[1]


async def test_a_row_with_a_mark_has_its_sign_in_the_margin(tmp_path: Path) -> None:
    async with drafted(tmp_path, size=(100, 30)) as pilot:
        pane = panes_of(pilot).draft
        for size in ((100, 50), (80, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            rows = [strip.text for strip in pane.render_lines(pane.outer_size.region)]
            signs = {row[pane.styles.gutter.left - 1] for row in rows if "right." in row}
            assert signs == {"▲"}
            assert any("△Echocardiogram" in row for row in rows)
            assert not any("▲" in row for row in rows if "Bisoprolol" in row)


async def test_rows_from_memory_are_as_drawn_afresh_after_every_kind_of_key(tmp_path: Path) -> None:
    async with drafted(tmp_path, size=(100, 30)) as pilot:
        pane = panes_of(pilot).draft
        for key in ("n", "n", "down", "up", "end", "e", "x", " ", "enter", "backspace", "escape"):
            await press(pilot, key)
            assert_same(pane)
        for key in ("e", "ctrl+z", "ctrl+z", "shift+down", "shift+down", "ctrl+x", "pagedown"):
            await press(pilot, key)
            assert_same(pane)
        pilot.app.theme = "light"
        await pilot.pause()
        assert_same(pane)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert_same(pane)
