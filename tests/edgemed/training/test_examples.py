"""Examples: three forms read, bad rows named without their words, too long ones counted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from edgemed_models.base import Message, ModelError
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.scale import path_of

from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.storage import bounded
from edgemed.training import examples
from edgemed.training.encoded import encode_all, encode_for
from edgemed.training.examples import Example, read_examples

ASKED = (Message("user", "Dose?"),)
SECRET = "Mrs Example"


def written(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


def test_every_form_is_read(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Dose?"},
        {"role": "assistant", "content": "5 mg"},
    ]
    path = written(
        tmp_path / "e.jsonl",
        {"prompt": "Dose?", "completion": "5 mg"},
        {"messages": turns},
        {"instruction": "Dose?", "input": "", "output": "5 mg"},
        {"instruction": "Shorten.", "input": "A long note.", "output": "A note."},
        {"instruction": "Dose?", "input": "<noinput>", "output": "5 mg"},
        {"instruction": "Dose?", "input": None, "output": "5 mg"},
        {"instruction": "Dose?", "output": "5 mg"},
    )
    found = read_examples(path)
    assert [e.answer for e in found] == ["5 mg", "5 mg", "5 mg", "A note.", *["5 mg"] * 3]
    assert found[0].messages == found[2].messages == ASKED
    assert found[4].messages == found[5].messages == found[6].messages == ASKED
    assert found[1].messages == (Message("system", "Be brief."), *ASKED)
    assert found[3].messages == (Message("user", "Shorten.\n\nA long note."),)
    assert found[3].place == f"{path}, line 4"


def test_one_list_of_rows_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.json"
    path.write_text(json.dumps([{"instruction": "Dose?", "output": "5 mg"}] * 2), "utf-8")
    assert [e.place for e in read_examples(path)] == [f"{path}, entry 1", f"{path}, entry 2"]


@pytest.mark.parametrize(
    "row, why",
    [
        ("{" + SECRET, "not JSON"),
        (f'["{SECRET}"]', "not an object"),
        (json.dumps({"text": SECRET}), "none of these forms"),
        (json.dumps({"prompt": SECRET}), "`completion` is missing"),
        (json.dumps({"prompt": SECRET, "completion": " "}), "the answer is empty"),
        (json.dumps({"instruction": SECRET, "input": 3, "output": "x"}), "`input` is not text"),
        (json.dumps({"messages": [{"role": "nurse", "content": SECRET}]}), "role is not one of"),
        (json.dumps({"messages": [{"role": "user", "content": SECRET}]}), "the last turn"),
        ("[" * 300, "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_row_is_named_and_never_quoted(row: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps({"prompt": "a", "completion": "b"}) + "\n\n" + row, "utf-8")
    with pytest.raises(InvalidFile) as caught:
        read_examples(path)
    assert f"{path}, line 3" in caught.value.message and why in caught.value.message
    assert SECRET not in str(caught.value)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(b'{"prompt": "\xff", "completion": "b"}')
    with pytest.raises(InvalidFile, match="line 1: it is not UTF-8"):
        read_examples(path)


def test_empty_missing_and_oversized_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "e.jsonl")
    with pytest.raises(InvalidFile, match="holds no example"):
        read_examples(path)
    with pytest.raises(EdgemedError, match="cannot read"):
        read_examples(tmp_path / "none")
    written(path, {"prompt": "a" * 100, "completion": "b"})
    monkeypatch.setattr(examples, "LONGEST", 50)
    with pytest.raises(InvalidFile, match="line 1: it is longer than 50 bytes"):
        read_examples(path)
    monkeypatch.setitem(bounded.BYTES, "file of examples", 20)
    with pytest.raises(InvalidFile, match="larger than 20 bytes"):
        read_examples(path)


class Letters:
    """A token a character; some text cannot be written."""

    def encode(self, messages: Sequence[Message], answer: str) -> tuple[list[int], list[int]]:
        if "ü" in answer:
            raise ModelError("this vocabulary cannot write it", "another model")
        return [ord(c) for m in messages for c in m.content], [*map(ord, answer), 0]


def test_too_long_examples_are_counted() -> None:
    rows = [Example(ASKED, "ab", "f, line 1"), Example(ASKED, "abc", "f, line 2")]
    data = encode_all(Letters(), rows, 8)
    assert data.left_out == 1
    assert [(r.ids, r.answer) for r in data.rows] == [((*map(ord, "Dose?ab"), 0), 3)]
    with pytest.raises(Refused, match="all 2 examples have more than 7 tokens"):
        encode_all(Letters(), rows, 7)


def test_a_row_that_cannot_be_written_is_named() -> None:
    with pytest.raises(Refused, match="f, line 1: this vocabulary"):
        encode_all(Letters(), [Example(ASKED, "ü", "f, line 1")], 99)


def test_the_mark_of_the_data_needs_the_key() -> None:
    one, two = (encode_all(Letters(), [Example(ASKED, a, "")], 99) for a in ("ab", "ac"))
    assert one.mark(b"k") == one.mark(b"k") != two.mark(b"k")
    assert one.mark(b"k") != one.mark(b"j")


def test_ids_are_those_of_the_prompt_that_the_product_sends() -> None:
    path = path_of("instruct")
    rows = [Example((Message("user", "Dose 5 mg?"),), "Take <|end|> 5 mg.", "f, line 1")]
    (found,) = encode_for(path, None, rows, 500).rows
    model = LlamaModel(EngineSettings(str(path), context=512, threads=1))
    try:
        prompt = model.count(rows[0].messages)
        scores = model.score(rows[0].messages, rows[0].answer)
    finally:
        model.close()
    assert len(found.ids) - found.answer == prompt
    assert found.answer == len(scores) + 1  # the token that ends the turn
    assert found.ids[-1] == 5  # <|end|>
    assert 5 not in found.ids[prompt:-1]  # in the answer it is text
