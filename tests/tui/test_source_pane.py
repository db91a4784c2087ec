"""The note's pane: every character in its place, whatever the width, tabs and wide signs."""

from edgemed_tui.widgets.source_pane import SourcePane, expanded, rows_of
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from edgemed.clinic.findings import Span
from tests.tui.driving import panes_of, press, started
from tests.tui.scripted import app

TEXTS = st.text(st.sampled_from("ab [x]\t\n患é"), max_size=80)


@given(TEXTS, st.integers(8, 30))
def test_rows_cover_every_character_once_and_fit(text: str, width: int) -> None:
    rows = list(rows_of(text, width))
    shown = "".join(text[r.start : r.end] for r in rows)
    assert shown == text.replace("\n", "")
    assert sum(row.first for row in rows) == text.count("\n") + 1
    assert all(expanded(text[r.start : r.end], 0)[1] <= width for r in rows)


@given(TEXTS)
def test_tabs_become_spaces_and_nothing_else_changes(text: str) -> None:
    shown, column = expanded(text.replace("\n", ""), 0)
    assert cell_len(shown) == column
    assert shown.replace(" ", "") == text.replace("\n", "").replace("\t", "").replace(" ", "")


def test_a_row_breaks_after_a_space() -> None:
    rows = [(r.start, r.end) for r in rows_of("alpha beta gamma", 12)]
    assert rows == [(0, 11), (11, 16)]


async def test_evidence_far_down_comes_into_view_underlined() -> None:
    note = "".join(f"line {i} Na 128 [L]\n" for i in range(2000))
    async with started(app(note=note)) as pilot:
        source = panes_of(pilot).source
        start = note.index("line 1500")
        source.show_evidence((Span(start, start + 9),))
        await pilot.pause()
        strips = [source.render_line(y) for y in range(source.size.height)]
        marked = [s.text for strip in strips for s in strip if s.style and s.style.underline]
        assert marked == ["line 1500"]
        top = source.scroll_offset.y
        await press(pilot, "pagedown")
        await pilot.pause(0.3)
        assert source.scroll_offset.y > top
        assert isinstance(source, SourcePane)
