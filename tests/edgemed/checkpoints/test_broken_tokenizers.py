"""Tokenizers that are broken, hostile or of other kinds: a line with file and key, one to help."""

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemed.checkpoints.tokenizers import tokenizer_metadata
from edgemed.checkpoints.tokenizers.sentencepieces import training_of
from edgemed.errors import EdgemedError, InvalidFile, Refused
from tests.edgemed.checkpoints import folders
from tests.edgemed.checkpoints.converted import BEGIN, END

ROWS = 300
TREE = folders.small_bytes("smollm", (BEGIN, END), ("<think>",))
FAST = folders.fast_form(folders.small_pieces())


def put(*path: Any) -> Callable[[Any], None]:
    """Set the place that all but the last name to the last."""

    def change(tree: Any) -> None:
        *way, key, value = path
        for step in way:
            tree = tree[step]
        tree[key] = value

    return change


def vocab(**rows: Any) -> Callable[[Any], None]:
    return lambda tree: tree["model"]["vocab"].update(rows)


def merge(entry: Any) -> Callable[[Any], None]:
    return lambda tree: tree["model"]["merges"].append(entry)


def added(*entries: Any) -> Callable[[Any], None]:
    return lambda tree: tree["added_tokens"].extend(entries)


def dropped(name: str) -> Callable[[Any], None]:
    return lambda tree: tree["model"]["vocab"].pop(name)


def bytes_step(tree: Any) -> Any:
    return tree["pre_tokenizer"]["pretokenizers"][-1]


BROKEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a vocab that is a list": (put("model", "vocab", []), "model.vocab|vocab"),
    "no vocab": (put("model", "vocab", {}), "model.vocab"),
    "a row that is a text": (vocab(a="1"), "model.vocab"),
    "a row below 0": (vocab(new=-1), "model.vocab"),
    "a row that is true": (vocab(new=True), "model.vocab"),
    "a row that is not whole": (vocab(new=1.5), "model.vocab"),
    "a row twice": (vocab(new=5), "the row 5"),
    "a row far out": (vocab(new=10**12), "transformers would|no token"),
    "more tokens than rows": (added(*(folders.added(271 + i, f"<{i}>", True) for i in range(40))),
                              "vocab_size"),
    "a hole": (dropped("é"), "no token|transformers would"),
    "a zero character": (vocab(**{"a\0b": 268}), "model.vocab"),
    "half a character": (vocab(**{"\ud800": 268}), "model.vocab"),
    "a byte that is no character": (vocab(**{"\udc80": 268}), "model.vocab"),
    "no merges": (put("model", "merges", []), "model.merges"),
    "merges in a table": (put("model", "merges", {}), "merges"),
    "a merge of three": (merge("a b c"), "model.merges"),
    "a merge of one": (merge(["a"]), "model.merges"),
    "a merge of nothing": (merge(" a"), "model.merges"),
    "a merge of numbers": (merge([1, 2]), "model.merges"),
    "a merge of the unknown": (merge("a zz"), "'zz' is not in model.vocab"),
    "a merge to the unknown": (merge("z q"), "'zq' is not in model.vocab"),
    "a merge with half a character": (merge("a \ud800"), "model.merges"),
    "another model": (put("model", "type", "Unigram"), "Unigram"),
    "a model of no type": (put("model", {"vocab": {}}), "type"),
    "no model": (put("model", None), "type"),
    "dropout": (put("model", "dropout", 0.1), "model.dropout"),
    "ends of words": (put("model", "end_of_word_suffix", "</w>"), "end_of_word_suffix"),
    "an added token without a row": (added({"content": "x"}), "added_tokens: id"),
    "an added token without a text": (added({"id": 271}), "added_tokens: content"),
    "an added token that is a list": (added([]), "added_tokens"),
    "an added token that is a maybe": (added({"id": 271, "content": "x", "special": 1}), "special"),
    "an added token elsewhere": (added(folders.added(280, "x1", True)), "added_tokens"),
    "an added token twice": (added(folders.added(271, "<think>", True)), "added_tokens"),
    "an added token in another's row": (added(folders.added(270, "y1", True)), "added_tokens"),
    "an unknown split": (put("pre_tokenizer", {"type": "Whitespace"}), "Whitespace"),
    "an unknown expression": (
        put("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "\\w+\x1b[2J"},
                              "behavior": "Isolated", "invert": False}), "\\\\w"),
    "no split": (put("pre_tokenizer", None), "pre_tokenizer none"),
    "a split that is a number": (put("pre_tokenizer", 3), "pre_tokenizer"),
    "a sequence of numbers": (put("pre_tokenizer", "pretokenizers", [3]), "pretokenizers"),
    "a space before texts": (
        lambda tree: bytes_step(tree).update(add_prefix_space=True), "add_prefix_space"),
    "a setting that is a list": (lambda tree: bytes_step(tree).update(use_regex=[]), "use_regex"),
    "an unknown normalizer": (put("normalizer", {"type": "Lowercase"}), "Lowercase"),
    "ignored merges": (put("model", "ignore_merges", True), "with ignore_merges"),
    "ignored merges that are a maybe": (put("model", "ignore_merges", "no"), "ignore_merges"),
    "an unknown post-processor": (put("post_processor", {"type": "X"}), "post_processor"),
    "a post-processor that is a list": (put("post_processor", []), "post_processor"),
    "a template of numbers": (
        put("post_processor", {"type": "TemplateProcessing", "single": [1, 2]}), "single"),
    "a vocabulary with padding's name": (vocab(**{"[PAD290]": 268}), "transformers|both"),
}  # fmt: skip


def refused(folder: Path, rows: int = ROWS) -> EdgemedError:
    with pytest.raises((InvalidFile, Refused)) as caught:
        tokenizer_metadata(folder, rows)
    error = caught.value
    assert error.hint and str(folder) in error.message
    assert all(line.isprintable() and len(line) < 900 for line in (error.message, error.hint))
    return error


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_tokenizer_json_is_refused_with_its_key(name: str, tmp_path: Path) -> None:
    change, said = BROKEN[name]
    tree = copy.deepcopy(TREE)
    folders.write_folder(tmp_path, None, tokenizer=tree)
    assert tokenizer_metadata(tmp_path, ROWS)
    change(tree)
    folders.write_json(tmp_path / "tokenizer.json", tree)
    error = refused(tmp_path)
    assert "tokenizer.json" in error.message
    assert any(part.replace("\\\\", "\\") in error.message for part in said.split("|")), error


SETTINGS: dict[str, tuple[str, Any, str]] = {
    "a flag": ("tokenizer_config", {"add_bos_token": "yes"}, "add_bos_token"),
    "a prefix": ("tokenizer_config", {"add_prefix_space": 1}, "add_prefix_space"),
    "a template": ("tokenizer_config", {"chat_template": 3}, "chat_template"),
    "a long template": ("tokenizer_config", {"chat_template": "x" * (1 << 20) + "x"}, "longer"),
    "half a template": ("tokenizer_config", {"chat_template": "\ud800"}, "chat_template"),
    "no name": ("tokenizer_config", {"chat_template": [{"template": "x"}]}, "chat_template: name"),
    "one name twice": ("tokenizer_config", {"chat_template": [
        {"name": "a b", "template": "x"}, {"name": "a_b", "template": "y"}]}, "chat_template"),
    "a row of letters": ("tokenizer_config", {"added_tokens_decoder": {"x": {}}}, "decoder"),
    "a row of many digits": (
        "tokenizer_config", {"added_tokens_decoder": {"9" * 5000: {"content": "x"}}}, "decoder"),
    "a row without a text": ("tokenizer_config", {"added_tokens_decoder": {"3": {}}}, "decoder"),
    "another text": ("tokenizer_config", {"added_tokens_decoder": {"3": {"content": "hm"}}},
                     "added_tokens_decoder of 3"),
    "a list": ("tokenizer_config", {"added_tokens_decoder": []}, "added_tokens_decoder"),
    "an end far out": ("config", {"eos_token_id": 300}, "eos_token_id"),
    "an end below": ("config", {"eos_token_id": -2}, "eos_token_id"),
    "config of texts": ("config", {"text_config": "x"}, "text_config"),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_broken_settings_are_refused_with_their_key(name: str, tmp_path: Path) -> None:
    file, tree, said = SETTINGS[name]
    folders.write_folder(tmp_path, None, tokenizer=TREE, **{file: tree})
    error = refused(tmp_path)
    assert f"{file}.json" in error.message and said in error.message


@pytest.mark.parametrize("file", ["config", "tokenizer_config", "added_tokens", "tokenizer"])
@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"\xff{}", b"[" * 100_000, b'{"a":' * 70 + b"1" + b"}" * 70,
     b'{"a": ' + b"9" * 5000 + b"}", b"\x80\x04K\x01."],
)  # fmt: skip
def test_what_is_not_json_is_refused(file: str, raw: bytes, tmp_path: Path) -> None:
    folders.write_folder(tmp_path, None, tokenizer=TREE)
    (tmp_path / f"{file}.json").write_bytes(raw)
    assert f"{file}.json" in refused(tmp_path).message


def test_a_file_larger_than_any_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folders.write_folder(tmp_path, None, tokenizer=TREE)
    with (tmp_path / "tokenizer.json").open("r+b") as file:
        file.truncate((64 << 20) + 1)
    assert "larger than" in refused(tmp_path).message


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tokenizer.json")
    assert "neither" in refused(tmp_path).message


@pytest.mark.parametrize("rows", [0, -1, 2**21 + 1, 10**30])
def test_a_vocab_size_that_cannot_be_is_refused(rows: int, tmp_path: Path) -> None:
    folders.write_folder(tmp_path, None, tokenizer=TREE)
    assert "vocab_size" in refused(tmp_path, rows).message


@pytest.mark.parametrize("name", ["tekken.json", "vocab.json", "tokenizer.model.v3", None])
def test_a_folder_without_a_tokenizer_that_is_read(name: str | None, tmp_path: Path) -> None:
    if name:
        (tmp_path / name).write_text("{}")
    assert (name or "neither tokenizer.model nor tokenizer.json") in refused(tmp_path).message


PIECES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "nothing": (lambda path: path.write_bytes(b""), "not a SentencePiece model"),
    "a tiktoken file": (lambda path: path.write_bytes(b"IQ== 0\nIg== 1\n"), "not a SentencePiece"),
    "a pickle": (lambda path: path.write_bytes(b"\x80\x04K\x01."), "not a SentencePiece model"),
    "unigram": (
        lambda path: folders.write_pieces(path, folders.small_pieces(), kind=1), "unigram"),
    "half a character": (
        lambda path: folders.write_pieces(path, [*folders.small_pieces(), ("\udcff", -9.0, 1)]),
        "piece 366"),
    "a zero character": (
        lambda path: folders.write_pieces(path, [*folders.small_pieces(), ("a\0", -9.0, 1)]),
        "not a SentencePiece"),
    "a score that is no number": (
        lambda path: folders.write_pieces(
            path, [*folders.small_pieces(), ("ab", float("nan"), 1)]), "score of piece 366"),
    "no bytes": (
        lambda path: folders.write_pieces(
            path, [p for p in folders.small_pieces() if p[2] != folders.BYTE]), "<0x00>"),
    "more pieces than rows": (
        lambda path: folders.write_pieces(
            path, [*folders.small_pieces(), *((f"x{i}", -9.0, 1) for i in range(200))]),
        "vocab_size"),
}  # fmt: skip


@pytest.mark.parametrize("name", PIECES)
def test_a_broken_tokenizer_model_is_refused(name: str, tmp_path: Path) -> None:
    write, said = PIECES[name]
    write(tmp_path / "tokenizer.model")
    error = refused(tmp_path, 400)
    assert said in error.message and "tokenizer.model" in error.message


def test_an_added_token_that_is_a_piece_already_is_refused(tmp_path: Path) -> None:
    folders.write_pieces(tmp_path / "tokenizer.model", folders.small_pieces())
    folders.write_json(tmp_path / "added_tokens.json", {"▁the": 390})
    assert "are both" in refused(tmp_path, 400).message


FAST_BROKEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "other merges": (lambda tree: tree["model"].update(merges=["h e"]), "ways to join"),
    "lower case": (put("normalizer", {"type": "Lowercase"}), "Lowercase"),
    "a split": (put("pre_tokenizer", {"type": "Whitespace"}), "Whitespace"),
    "a long piece": (vocab(**{"x" * 300: 366}), "at most 256"),
    "no bytes": (dropped("<0x41>"), "no token|<0x41>"),
}


@pytest.mark.parametrize("name", FAST_BROKEN)
def test_a_broken_tokenizer_json_of_pieces_is_refused(name: str, tmp_path: Path) -> None:
    change, said = FAST_BROKEN[name]
    tree = copy.deepcopy(FAST)
    folders.write_folder(tmp_path, None, tokenizer=tree)
    assert tokenizer_metadata(tmp_path, 400)
    change(tree)
    folders.write_json(tmp_path / "tokenizer.json", tree)
    error = refused(tmp_path, 400)
    assert any(part in error.message for part in said.split("|")), error


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


def places(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a tree but those inside long tables and lists."""
    found = [way] if way else []
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(inner)[:12]:
        found += places(value, (*way, key)) if isinstance(value, dict | list) else [(*way, key)]
    return found


@settings(max_examples=50)
@given(st.sampled_from([TREE, FAST]), st.data())
def test_any_value_anywhere_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, tree: Any, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("any")
    changed = copy.deepcopy(tree)
    *way, key = data.draw(st.sampled_from(places(tree)))
    put(*way, key, data.draw(VALUES))(changed)
    (folder / "tokenizer.json").write_text(json.dumps(changed))
    try:
        found = tokenizer_metadata(folder, 400)
    except EdgemedError as error:
        assert error.hint and "tokenizer.json" in error.message and "\n" not in error.message
    else:
        assert len(found["tokenizer.ggml.tokens"][1]) == 400


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_none(raw: bytes) -> None:
    try:
        kind, space = training_of(raw)
    except ValueError:
        return
    assert isinstance(kind, str) and isinstance(space, bool)
