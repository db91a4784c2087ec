"""The tokenizer keys of checkpoints: as llama.cpp's converter writes them, and as texts split."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from edgemed_models.engine.weights import Weights
from tokenizers import Tokenizer

from edgemed.checkpoints.tokenizers import Value, tokenizer_metadata
from edgemed.gguf.values import encode
from tests.edgemed.checkpoints import folders
from tests.edgemed.checkpoints.converted import CASES, CONVERTED, summary
from tests.models.vocabularies import opened

GGML = "tokenizer.ggml."
MORE_TEXTS = (
    *folders.TEXTS,
    "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n",
    "🚀 (normal) 😶 (multiple emojis concatenated) ✅ 🦙🦙 3 33 333 3333 33333 3.3 3..3 3...3",
    "''''''```````\"\"\"\"......!!!!!!?????? 'RE you sure? We'Ve a'lL, camelCase, ALLCAPS and McD",
)


@contextmanager
def llama(folder: Path, keys: dict[str, Value]) -> Iterator[Weights]:
    """llama.cpp with a vocabulary of these keys."""
    weights = opened(folders.write_vocabulary(folder / "v.gguf", keys))
    try:
        yield weights
    finally:
        weights.free()


def rows_of(tokenizer: Any) -> int:
    return int(tokenizer.get_vocab_size())


@pytest.mark.parametrize("name", CASES)
def test_the_keys_are_those_of_llama_cpps_converter(name: str, tmp_path: Path) -> None:
    CASES[name](tmp_path)
    rows = json.loads((tmp_path / "config.json").read_text())["vocab_size"]
    found = tokenizer_metadata(tmp_path, rows)
    raw = {key: encode(kind, value) for key, (kind, value) in found.items()}
    said = summary(raw, {key: value for key, (_, value) in found.items()})
    assert said == json.loads(CONVERTED.read_text())[name]


@pytest.mark.parametrize("name", folders.SPLITS)
def test_llama_cpp_splits_texts_as_the_tokenizer_json_says(name: str, tmp_path: Path) -> None:
    tokenizer = folders.byte_pairs(name)
    folders.write_folder(tmp_path, tokenizer)
    with llama(tmp_path, tokenizer_metadata(tmp_path, rows_of(tokenizer) + 3)) as weights:
        for text in MORE_TEXTS:
            wanted = tokenizer.encode(text, add_special_tokens=False).ids
            assert weights.tokenize(text, True) == wanted, text
        marked = "<|begin|> a <think>b<|end|>"
        assert weights.tokenize(marked, True) == tokenizer.encode(marked).ids


@pytest.mark.parametrize("space", [True, False])
def test_llama_cpp_splits_texts_as_the_sentencepiece_model_does(
    space: bool, tmp_path: Path
) -> None:
    model = folders.train_pieces(tmp_path, add_dummy_prefix=space)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    with llama(tmp_path, tokenizer_metadata(tmp_path, processor.vocab_size())) as weights:
        for text in MORE_TEXTS:
            assert weights.tokenize(text, False) == processor.encode(text), text


@pytest.mark.parametrize("space", [True, False, None])
def test_pieces_in_tokenizer_json_split_texts_as_their_merges_do(
    space: bool | None, tmp_path: Path
) -> None:
    model = folders.train_pieces(tmp_path / "spm")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    tree = folders.fast_form(folders.trained(processor), space)
    folders.write_folder(tmp_path, None, tokenizer=tree)
    found = tokenizer_metadata(tmp_path, processor.vocab_size())
    assert found.get(f"{GGML}add_space_prefix") == (
        None if space in (True, None) else ("bool", False)
    )
    tokenizer = Tokenizer.from_str(json.dumps(tree))
    with llama(tmp_path, found) as weights:
        for text in MORE_TEXTS:
            # Metaspace puts no space before a space; llama.cpp does, as SentencePiece does.
            if space is not None or text[0] != " ":
                wanted = tokenizer.encode(text, add_special_tokens=False).ids
                assert weights.tokenize(text, False) == wanted, text


def test_scores_of_pieces_in_tokenizer_json_fall_as_those_of_the_model(tmp_path: Path) -> None:
    pieces = folders.small_pieces()
    folders.write_folder(tmp_path, None, tokenizer=folders.fast_form(pieces))
    folders.write_pieces(tmp_path / "tokenizer.model", pieces)
    with_model = tokenizer_metadata(tmp_path, 400)
    (tmp_path / "tokenizer.model").unlink()
    without = tokenizer_metadata(tmp_path, 400)
    plain = [i for i, (_, _, kind) in enumerate(pieces) if kind == folders.NORMAL]
    for key in ("tokens", "scores"):
        one, other = with_model[GGML + key][1], without[GGML + key][1]
        assert [one[i] for i in plain] == [other[i] for i in plain]


def test_both_spellings_of_merges_are_the_same(tmp_path: Path) -> None:
    tree = json.loads(folders.byte_pairs("smollm").to_str())
    pairs = [merge if isinstance(merge, list) else merge.split(" ")
             for merge in tree["model"]["merges"]]  # fmt: skip
    found = []
    for merges in (pairs, [" ".join(pair) for pair in pairs]):
        tree["model"]["merges"] = merges
        folders.write_json(tmp_path / "tokenizer.json", tree)
        found.append(tokenizer_metadata(tmp_path, 500))
    assert found[0] == found[1]


def test_a_space_in_a_piece_of_a_merge_is_written_as_a_letter(tmp_path: Path) -> None:
    tree = folders.small_bytes("smollm", (), ())
    vocab = tree["model"]["vocab"]
    vocab |= {" ": 268, " x": 269, " xx": 270}
    tree["model"]["merges"] = [[" ", "x"], [" x", "x"]]
    folders.write_folder(tmp_path, None, tokenizer=tree)
    found = tokenizer_metadata(tmp_path, 300)
    assert found[f"{GGML}merges"] == ("string[]", ["Ġ x", "Ġx x"])
    assert found[f"{GGML}tokens"][1][268:271] == [" ", " x", " xx"]


def test_an_added_token_beyond_the_embedding_is_left_out_of_pieces(tmp_path: Path) -> None:
    CASES["added"](tmp_path)
    tokens = tokenizer_metadata(tmp_path, 420)[f"{GGML}tokens"][1]
    assert len(tokens) == 420 and not {"<no>", "<out>"} & set(tokens)
    assert tokens[402] == "<x▁y>" and tokens[410] == "<a b>"


def test_the_template_in_a_file_is_read_without_a_tokenizer_config(tmp_path: Path) -> None:
    tokenizer = folders.byte_pairs("qwen2")
    folders.write_folder(tmp_path, tokenizer)
    (tmp_path / "chat_template.jinja").write_text("{{ 'ü' }}\r\n", encoding="utf-8", newline="")
    found = tokenizer_metadata(tmp_path, rows_of(tokenizer))
    assert found["tokenizer.chat_template"] == ("string", "{{ 'ü' }}\r\n")


def test_everything_encodes_as_gguf_values(tmp_path: Path) -> None:
    for name in ("llama3", "added"):
        CASES[name](tmp_path / name)
        for kind, value in tokenizer_metadata(tmp_path / name, 420).values():
            assert encode(kind, value)
