"""Clinical text is shown character for character, and nothing but `literal.py` may show text."""

import ast
from collections.abc import Iterator
from pathlib import Path

import edgemed_tui
import pytest
from edgemed_tui.literal import Words, kept, literal, row, visible
from edgemed_tui.widgets.text_pane import TextPane
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.widgets import OptionList

from edgemed.printable import ACTS

HARD = (
    "Na 128 [L] K 5.9 [H]",
    "[ ] fever [x] cough",
    "CT [with contrast]",
    "[/x] [red] [/] [bold]x[/bold]",
    "BP 120/80 [**2151-7-16**] \\[x] {a} $b @click",
    "> quote # head *a* _b_ `c` | d",
)
FOLDER = Path(edgemed_tui.__file__).parent
PARSERS = {"Static", "Label", "RichLog", "Log", "DataTable", "Pretty", "Tree", "Tooltip"}
MARKUP = {"from_markup", "from_text", "render_str"}
TITLES = {"border_title", "border_subtitle", "tooltip", "placeholder"}


class Shown(App[None]):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.shown = text

    def compose(self) -> ComposeResult:
        yield Words(self.shown, id="words")
        yield OptionList(row(self.shown), markup=False)
        yield TextPane("pane", line_numbers=True)

    def on_mount(self) -> None:
        self.query_one(TextPane).load(self.shown)
        self.query_one(TextPane).border_title = literal(self.shown)


def screen_text(app: App[None]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@pytest.mark.parametrize("text", HARD)
async def test_brackets_and_signs_stand_on_the_screen_as_written(text: str) -> None:
    app = Shown(text)
    async with app.run_test(size=(100, 20)):
        assert screen_text(app).count(text) == 4


@given(st.text())
def test_every_character_has_its_place(text: str) -> None:
    assert len(visible(text)) == len(text)
    assert literal(text).plain == visible(text)
    for old, new in zip(text, visible(text), strict=True):
        assert new == old or not old.isprintable() or ACTS.match(old)


def test_what_would_act_on_a_terminal_is_shown_as_a_sign() -> None:
    assert visible("\x1b[2J\x07\x9b\u202eab\x00\r") == "␛[2J␇��ab␀␍"
    assert visible("a\tb\n") == "a\tb\n"


@given(st.text(), st.data())
def test_an_edit_changes_nothing_that_it_did_not_touch(before: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(before)))
    end = data.draw(st.integers(start, len(before)))
    typed = data.draw(st.text(alphabet="abc de\n"))
    shown = visible(before)
    after = kept(before, shown[:start] + typed + shown[end:])
    assert visible(after) == shown[:start] + typed + shown[end:]
    assert len(after) == len(before) - (end - start) + len(typed)


def test_a_hidden_character_survives_an_edit_beside_it() -> None:
    before = "5\u200b mg\u200c daily\u202e.\n"
    assert kept(before, visible(before)) == before
    assert kept(before, visible(before).replace("daily", "twice daily")) == before.replace(
        "daily", "twice daily"
    )
    assert kept(before, "") == "" and kept("plain", "plainer") == "plainer"


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda p: p.name)
def test_no_file_shows_text_by_another_way(path: Path) -> None:
    if path.name == "literal.py":
        return
    assert list(faults(ast.parse(path.read_text(encoding="utf-8")), path.name)) == []


def test_the_lint_finds_each_forbidden_way() -> None:
    ways = (
        "from textual.widgets import Static",
        "from rich.text import Text\nText.from_markup(a)",
        "self.notify(text)",
        "pane.border_title = note",
        "Option(note)",
        "OptionList(row(a))",
        "Markdown(text)",
        "Input(placeholder=note)",
    )
    for way in ways:
        assert list(faults(ast.parse(way), "other.py")), way


def faults(tree: ast.AST, name: str) -> Iterator[str]:
    """Every place where a string could be parsed as markup or Markdown."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "textual.widgets":
            yield from (a.name for a in node.names if a.name in PARSERS)
        elif isinstance(node, ast.Assign):
            yield from (t for t in map(title_of, node.targets) if t and not is_safe(node.value))
        elif isinstance(node, ast.Call):
            yield from faults_of_call(node, name)


def faults_of_call(node: ast.Call, name: str) -> Iterator[str]:
    called = (
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    )
    options = {k.arg: k.value for k in node.keywords}
    if called in MARKUP | {"notify", "Option", "Content"} - {"from_text"} and not is_join(node):
        yield called
    if called == "OptionList" and not is_false(options.get("markup")):
        yield "OptionList without markup=False"
    if called == "Markdown" and name != "help.py":
        yield "Markdown"
    if "placeholder" in options and not is_constant(options["placeholder"]):
        yield "a placeholder that is no constant"


def title_of(target: ast.expr) -> str:
    is_title = isinstance(target, ast.Attribute) and target.attr in TITLES
    return target.attr if is_title and isinstance(target, ast.Attribute) else ""


def is_safe(value: ast.expr) -> bool:
    """A constant, or a call of `literal`, or a choice between such."""
    if isinstance(value, ast.IfExp):
        return is_safe(value.body) and is_safe(value.orelse)
    called = (
        value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
    )
    return isinstance(value, ast.Constant) or called == "literal"


def is_constant(value: ast.expr) -> bool:
    if isinstance(value, ast.IfExp):
        return is_constant(value.body) and is_constant(value.orelse)
    return isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id.isupper())


def is_false(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def is_join(node: ast.Call) -> bool:
    """`Content("")` with an empty constant: the glue of a join."""
    first = node.args[0] if node.args else None
    return (
        isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.strip()
    )
