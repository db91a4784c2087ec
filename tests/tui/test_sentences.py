"""A sentence has one end, whatever its last word is: a name, a reason, what the system says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import edgemed_tui
import pytest
from edgemed_tui.screens.deciding import sure_of
from edgemed_tui.screens.dialogs import Attest
from edgemed_tui.sentences import ended, fault_rows, sentences

from edgemed.clinic.case import session as steps
from edgemed.errors import LOG_LINE, EdgemedError
from tests.tui.test_plain import talk

FOLDER = Path(edgemed_tui.__file__).parent


@pytest.mark.parametrize("words", ["it is so.", "is it?", "stop!", "and so on…", 'he said "no."'])
def test_what_has_an_end_gets_no_second_one(words: str) -> None:
    assert ended(words) == words
    assert sentences(words, "", "next") == f"{words} next."


def test_a_fault_without_a_remedy_is_one_sentence_and_a_log_stays_below_it() -> None:
    assert fault_rows("Note: ", EdgemedError("it broke")) == ["Note: it broke."]
    fault = EdgemedError("it broke.", f"add memory{LOG_LINE}a row{LOG_LINE}another.")
    assert fault_rows("", fault) == ["it broke. add memory.", "a row", "another."]


@pytest.mark.parametrize("typed", ["foo.", "open zzz.", "note nowhere.", "export x.", "seal y."])
def test_a_full_stop_that_was_typed_is_the_only_one(tmp_path: Path, typed: str) -> None:
    said = talk(tmp_path, [typed])[1]
    assert ".." not in said and said.count(typed.split()[-1]) <= 1


def test_the_last_question_before_a_signature_ends_every_sentence_once() -> None:
    draft = steps.drafted(steps.opened("A note."), steps.Origin("m.", "soap."), "A text.", cut=True)
    said = sure_of(Attest("Dr A. Smith Jr.", "seen."), draft)._words
    assert said.count("drafted by m. with soap. Signed anyway because: seen. After") == 1


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda p: p.name)
def test_no_other_place_ends_a_sentence_after_words_of_others(path: Path) -> None:
    if path.name != "sentences.py":
        assert list(ends(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_lint_finds_both_ways() -> None:
    for way in ('f"saved as {name}."', 'f"no {name}. Type help."'):
        assert list(ends(ast.parse(way))), way
    assert not list(ends(ast.parse('f"{number}. {amount(n, word)}. {name}.txt"')))


def ends(tree: ast.AST) -> Iterator[str]:
    """Every f-string with a full stop after a value that is no number."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, after in zip(node.values, node.values[1:], strict=False):
            text = after.value if isinstance(after, ast.Constant) else ""
            is_end = (text == "." and after is node.values[-1]) or text[:2] in (". ", ".\n")
            if is_end and isinstance(value, ast.FormattedValue) and not is_number(value.value):
                yield ast.unparse(node)


def is_number(value: ast.expr) -> bool:
    """A count, or what is called one."""
    called = value.func if isinstance(value, ast.Call) else value
    return isinstance(called, ast.Name) and called.id in ("amount", "number", "count")
