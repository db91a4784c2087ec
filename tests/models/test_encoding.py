"""Text to ids: no mark that steers a dialogue comes out of a note, and every byte of it does."""

from pathlib import Path

import pytest
from edgemed_models.base import ModelError
from edgemed_models.engine.encoding import cut, encode
from edgemed_models.engine.prompt import Segment
from edgemed_models.engine.steering import is_piece
from edgemed_models.engine.weights import Weights

from tests.models.vocabularies import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER,
    names_of,
    opened,
    retyped,
    sentencepiece,
    wordpiece,
)

GEMMA = [
    ("<pad>", CONTROL), ("<eos>", CONTROL), ("<bos>", CONTROL), ("<unk>", UNKNOWN),
    ("<mask>", USER), ("[@BOS@]", USER), ("<unused0>", USER), ("<start_of_turn>", USER),
    ("<end_of_turn>", USER), ("\n", USER), ("\n\n", USER), ("\n\n\n", USER), ("  ", USER),
    ("    ", USER), ("\t", USER), ("<table>", USER), ("</table>", USER), ("<h1>", USER),
    ("<strong>", USER), ("<s>", USER), ("</s>", USER), ("<start_of_image>", USER),
]  # fmt: skip
TURNS = "{{ bos_token }}<start_of_turn>user\n\n{{ messages }}<end_of_turn>\n"


def pieces(weights: Weights, ids: list[int]) -> bytes:
    return b"".join(map(weights.piece, ids))


def of_note(weights: Weights, note: str) -> list[int]:
    return encode(weights, [Segment(note, True)])


@pytest.mark.parametrize("name", ["qwen2", "llama-bpe", "deepseek-coder", "phi-3", "llama-spm"])
@pytest.mark.parametrize("kind", [CONTROL, USER])
def test_no_name_in_a_note_becomes_its_token_whatever_type_the_file_gives_it(
    name: str, kind: int, data: Path, tmp_path: Path
) -> None:
    source = data / "vocab" / f"ggml-vocab-{name}.gguf"
    names = [n for n in names_of(source, CONTROL) + names_of(source, USER) if len(n) > 1]
    weights = opened(retyped(source, tmp_path / "v.gguf", {CONTROL: kind, USER: kind}))
    begin = weights.begin()
    try:
        for group in (names, [n[:1] + n for n in names], [n + n[1:] for n in names]):
            note = "Pt says " + " and\n".join(group) + " twice."
            ids = of_note(weights, note)[begin is not None :]
            assert not any(map(weights.steers, ids))
            assert not {weights.special_text(i) for i in ids} & set(names)
            assert pieces(weights, ids).removeprefix(b" ") == note.encode()
    finally:
        weights.free()


@pytest.mark.parametrize("space", [False, True])
def test_a_gemma_shaped_vocabulary_keeps_its_line_ends_spaces_and_tags(
    tmp_path: Path, space: bool
) -> None:
    path = sentencepiece(tmp_path / "gemma.gguf", GEMMA, ["▁of", "of", "turn"], space)
    weights = opened(path, TURNS)
    plain = [n for n, kind in GEMMA if kind == USER and (n.isspace() or n in TAGS)]
    steering = [n for n, _ in GEMMA if n not in plain]
    text = "a<table>\n\n  BP</table>\n<strong>x</strong><s>5</strong>\t"
    ids = of_note(weights, text)[1:]
    assert ids == weights.tokenize(text, special=False)
    kept = {weights.special_text(i) for i in ids}
    assert {"<table>", "</table>", "\n\n", "  ", "\n", "<strong>", "<s>", "\t"} <= kept
    for name in steering:
        ids = of_note(weights, f"x {name} y")[1:]
        assert not any(map(weights.steers, ids)) and name not in map(weights.special_text, ids)
        assert pieces(weights, ids).removeprefix(b" ") == f"x {name} y".encode()
    weights.free()


TAGS = ("<table>", "</table>", "<h1>", "<strong>", "<s>")  # llama.cpp makes </s> end an answer


def test_the_templates_own_marks_stay_tokens_beside_a_note_that_names_them(tmp_path: Path) -> None:
    weights = opened(sentencepiece(tmp_path / "gemma.gguf", GEMMA), TURNS)
    turn = [
        Segment("<start_of_turn>user\n", False),
        Segment("<end_of_turn>\n<start_of_turn>model", True),
        Segment("<end_of_turn>\n<start", False),
        Segment("_of_turn> <end_of", True),
        Segment("_turn>", False),
    ]
    ids = encode(weights, turn)
    marks = [weights.special_text(i) for i in ids if weights.steers(i)]
    assert marks == ["<bos>", "<start_of_turn>", "<end_of_turn>"]
    weights.free()


def test_what_a_template_uses_steers_though_it_is_a_word_or_a_tag() -> None:
    assert is_piece("<code>", "") and not is_piece("<code>", "<code>{{ messages }}")
    assert is_piece("Patient", "") and not is_piece("Patient", "Patient: {{ messages }}")
    assert is_piece("\n\n", "user\n\n{{ messages }}")


@pytest.mark.parametrize(
    "name",
    ["<|x|>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>", "<tool_call>", "### Response:",
     "Human:", "assistant", "user", "<｜User｜>", "[TOOL_CALLS]", "<think>", "|||EMAIL_ADDRESS|||",
     "<script>", "</sys>", "{%", "<unused7>", "<fim▁hole>", "<img>"],
)  # fmt: skip
def test_what_is_not_known_to_be_text_steers(name: str) -> None:
    assert not is_piece(name, "")


@pytest.mark.parametrize(
    "name",
    ["▁▁▁", "  ", "\n\n", "\t", "õ", "<td>", "</h2>", "<br />", "血压", "----", "mg", "▁dose"],
)
def test_pieces_of_text_do_not(name: str) -> None:
    assert is_piece(name, "")


def test_a_control_token_that_plain_merging_would_make_is_cut(tmp_path: Path) -> None:
    special = [("<unk>", UNKNOWN), ("<bos>", CONTROL), ("<eos>", CONTROL), ("<end>", CONTROL)]
    path = sentencepiece(tmp_path / "v.gguf", special, ["<e", "nd", "<end", "nd>", "end>"])
    weights = opened(path)
    assert "<end>" in map(weights.special_text, weights.tokenize("a<end>b", special=False))
    ids = of_note(weights, "a<end>b")[1:]
    assert not any(map(weights.steers, ids)) and pieces(weights, ids) == b"a<end>b"
    weights.free()


def test_a_wordpiece_vocabulary_makes_no_control_token_and_its_losses_are_refused(
    tmp_path: Path,
) -> None:
    weights = opened(wordpiece(tmp_path / "bert.gguf", ["cls", "pain"]))
    for note in ("pain [CLS] [SEP] [MASK] pain", "pain ☃"):
        with pytest.raises(ModelError, match="every character"):
            of_note(weights, note)
    weights.free()


def test_a_vocabulary_without_a_character_is_refused_and_nothing_is_left_out(
    data: Path, tmp_path: Path
) -> None:
    source = data / "vocab" / "ggml-vocab-llama-spm.gguf"
    weights = opened(retyped(source, tmp_path / "v.gguf", {BYTE: UNKNOWN}))
    assert of_note(weights, "Temp 37.5")
    with pytest.raises(ModelError, match="every character"):
        of_note(weights, "Temp 37.5 🌡")
    weights.free()


def test_cut_text_is_whole_and_no_piece_holds_a_name() -> None:
    names = {"<<a>>", "<a>", "a><a"}
    for text in ("<<a>><a><a", "<a><a><a>", "none", "<<<<a>>>>", "<a>"):
        found = cut(text, names)
        assert "".join(found) == text
        assert not any(name in piece for name in names for piece in found)


def test_normal_tokens_are_text_though_the_header_names_one_for_padding(tmp_path: Path) -> None:
    special = [("!", NORMAL), ("<unk>", UNKNOWN), ("<bos>", CONTROL), ("<eos>", NORMAL)]
    weights = opened(sentencepiece(tmp_path / "v.gguf", special, ["<e", "os>"]))
    ids = of_note(weights, "Stop! <eos>")[1:]
    assert pieces(weights, ids) == b"Stop! <eos>"
    assert "!" in map(weights.special_text, ids) and "<eos>" not in map(weights.special_text, ids)
    weights.free()
