"""Cases from files: what is read, what is refused with its line, and that no word of it is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemed.errors import InvalidFile
from edgemed.evals.cases import cases_of, digest_of, read_cases

SECRET = "Zebulon has gout"
GOOD = {"axis": "clinical", "prompt": SECRET, "expect": {"facts": ["gout"], "lines": 1}}


def text(**changes: Any) -> str:
    return json.dumps({k: v for k, v in (GOOD | changes).items() if v is not None})


def test_a_line_becomes_a_case_whose_worth_is_the_product() -> None:
    (case,) = cases_of(text(system="Be short.", expect={"facts": ["a", "b"], "lines": 1}), "x")
    assert [(m.role, m.content) for m in case.messages] == [
        ("system", "Be short."),
        ("user", SECRET),
    ]
    assert [case.worth(answer) for answer in ("a b", "a", "a\nb", "")] == [1, 0.5, 0, 0]


def test_nothing_said_is_worth_nothing_and_what_was_cut_keeps_no_rule() -> None:
    (short,) = cases_of(text(expect={"words-at-most": 9}), "x")
    assert [short.worth("two words"), short.worth(" !!"), short.worth("cut of", False)] == [1, 0, 0]
    (graded,) = cases_of(text(expect={"facts": ["gout"]}), "x")
    assert graded.worth("gout and", complete=False) == 1


def test_one_text_is_taken_for_a_list_of_one() -> None:
    (case,) = cases_of(text(expect={"rouge-l": "no fever"}), "x")
    assert case.worth("No fever.") == 1


def test_a_line_separator_inside_a_text_ends_no_line() -> None:
    line = json.dumps(GOOD | {"prompt": "one\u2028two"}, ensure_ascii=False)
    (case,) = cases_of(line + "\r\n", "x")
    assert case.messages[0].content == "one\u2028two"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"{SECRET}", "line 1: not JSON"),
        (f'["{SECRET}"]', "not an object"),
        (text(axis=""), "axis must be"),
        (text(axis=SECRET * 9), "axis must be"),
        (text(axis="clinical "), "axis must be"),
        (text(prompt="\ud800"), "prompt must be"),
        (text()[:-1] + ', "prompt": "x"}', "a key occurs twice"),
        (text(prompt=None), "prompt must be"),
        (text(prompt=[SECRET]), "prompt must be"),
        (text(system=""), "system must be"),
        (text(promt=SECRET), "unknown keys"),
        (text(expect={}), "must name a metric"),
        (text(expect={SECRET: 1}), "an unknown metric"),
        (text(expect={"lines": SECRET}), "lines has a wrong value"),
        (text(expect={"facts": []}), "facts has a wrong value"),
        ("\n \n", "holds no cases"),
    ],
)
def test_what_is_no_case_is_refused_without_a_word_of_it(line: str, says: str) -> None:
    with pytest.raises(InvalidFile, match=r"cases\.jsonl") as refused:
        cases_of(line, "cases.jsonl")
    assert says in refused.value.message and refused.value.hint
    assert "Zebulon" not in str(refused.value)


@given(st.text())
def test_no_text_is_more_than_refused(line: str) -> None:
    try:
        assert cases_of(line, "x")
    except InvalidFile as error:
        assert error.hint


def test_files_are_read_in_order_and_what_is_none_is_named(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text(text(), "utf-8-sig")
    two.write_text(text(axis="b"), "utf-8")
    assert [case.axis for case in read_cases([one, two])] == ["clinical", "b"]
    two.write_bytes(b"\xff")
    with pytest.raises(InvalidFile, match=r"two\.jsonl cannot be read: it is not UTF-8"):
        read_cases([one, two])
    with pytest.raises(InvalidFile, match="none"):
        read_cases([tmp_path / "none"])


def test_the_same_case_twice_is_refused_by_both_places(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(f"{text()}\n{text(axis='b')}\n{text()}", "utf-8")
    with pytest.raises(InvalidFile, match=r"line 3 is the same case as c\.jsonl, line 1"):
        read_cases([path])


def test_more_axes_than_a_sweep_shows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text("\n".join(text(axis=f"a{n}") for n in range(7)), "utf-8")
    with pytest.raises(InvalidFile, match="7 axes"):
        read_cases([path])


def test_the_digest_knows_every_part_of_a_case() -> None:
    changed = [{}, {"axis": "b"}, {"prompt": "x"}, {"system": "y"}, {"expect": {"lines": 2}}]
    assert len({digest_of(cases_of(text(**one), "x")) for one in changed}) == len(changed)
