"""`edgemed check`: what is said of two models, from their headers, and with which exit code."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgemed.cli.main import main
from edgemed.gguf import open_model
from edgemed.merging.parents.compatibility import CHECKS, compatibility
from edgemed.merging.parents.sentencepieces import read_pieces
from tests.edgemed.merge_pairs import TOKENS, weights, write_pair_member

ROPE = {"llama__rope__freq_base": 500000.0}


@pytest.fixture
def a(tmp_path: Path) -> Path:
    return write_pair_member(tmp_path / "a.gguf", weights(1), "Q8_0")


def levels(*paths: Path) -> dict[str, set[str]]:
    """Check -> levels of its lines."""
    found: dict[str, set[str]] = {}
    for result in compatibility([open_model(p) for p in paths]).results:
        found.setdefault(result.check, set()).add(result.level)
    return found


def test_models_that_fit_end_with_0_and_a_line_for_every_check(a, tmp_path, capsys):
    b = write_pair_member(tmp_path / "b.gguf", weights(2), "Q8_0")
    assert main(["check", str(a), str(b)]) == 0
    said = capsys.readouterr().out
    assert all(f"{name}:" in said for name in CHECKS)
    assert not any(line.startswith("refuse") for line in said.splitlines())
    assert "can be merged" in said


def test_a_model_that_does_not_fit_ends_with_3_and_a_remedy(a, tmp_path, capsys):
    b = write_pair_member(tmp_path / "b.gguf", weights(2), "Q8_0", **ROPE)
    assert main(["check", str(a), str(b)]) == 3
    said = capsys.readouterr().out
    assert "llama.rope.freq_base is 10000.0 in one and 500000.0 in the other" in said
    assert "they cannot be merged" in said


def test_json_holds_the_same_lines(a, tmp_path, capsys):
    b = write_pair_member(tmp_path / "b.gguf", weights(2), "Q8_0", **ROPE)
    assert main(["check", str(a), str(b), "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["fit"] is False
    refused = [line for line in said["checks"] if line["level"] == "refuse"]
    assert [line["check"] for line in refused] == ["rope"]
    assert all(line["remedy"] for line in refused)


CHANGES = {
    "shapes": ({"llama__feed_forward_length": 99}, "refuse"),
    "norms": ({"llama__attention__layer_norm_rms_epsilon": 0.5}, "refuse"),
    "softcap": ({"llama__attn_logit_softcapping": 30.0}, "refuse"),
    "window": ({"llama__attention__sliding_window": 512}, "refuse"),
    "experts": ({"llama__expert_shared_count": 8}, "refuse"),
    "special tokens": ({"tokenizer__ggml__eos_token_id": 5}, "note"),
    "chat template": ({"tokenizer__chat_template": "{{ x }}"}, "note"),
    "context": ({"llama__context_length": 512}, "note"),
    "licences": ({"general__license": "cc-by-nc-4.0"}, "note"),
}


@pytest.mark.parametrize("check", CHANGES)
def test_each_difference_is_found_by_its_own_check(check, a, tmp_path):
    keys, level = CHANGES[check]
    same = levels(a, write_pair_member(tmp_path / "same.gguf", weights(2), "Q8_0"))
    found = levels(a, write_pair_member(tmp_path / "b.gguf", weights(2), "Q8_0", **keys))
    assert level in found[check]
    others = {name for name in found if found[name] != same[name]}
    assert others <= {check, "loading"}  # llama.cpp goes by some of them as well


LAYOUTS = {
    "fused q, k and v": {"blk.0.attn_qkv.weight": (768, 256), "blk.0.attn_q.weight": None},
    "a head of its own": {"output.weight": (len(TOKENS), 256)},
    "multi-token prediction blocks": {"blk.1.nextn.eh_proj.weight": (256, 512)},
    "has no tensor blk.0.attn_q.bias": {"blk.0.attn_q.bias": (256,)},
}


@pytest.mark.parametrize("words", LAYOUTS)
def test_other_ways_of_storing_are_named(words, a, tmp_path):
    other = weights(2)
    for name, shape in LAYOUTS[words].items():
        if shape is None:
            del other[name]
        else:
            other[name] = np.zeros(shape, np.float32)
    b = write_pair_member(tmp_path / "b.gguf", other, "Q8_0")
    found = compatibility([open_model(a), open_model(b)]).results
    assert any(f.level == "refuse" and words in f.what for f in found)


def test_tensors_that_are_missing_are_counted_in_one_line(a, tmp_path):
    other = {name: w for name, w in weights(2).items() if "ffn" not in name}
    b = write_pair_member(tmp_path / "b.gguf", other, "Q8_0")
    found = compatibility([open_model(a), open_model(b)]).results
    lines = [f.what for f in found if f.check == "tensors"]
    assert lines == ["b.gguf has no tensor blk.0.ffn_norm.weight, and 7 others"]


def test_types_that_differ_are_noted(tmp_path):
    a, b = (
        write_pair_member(tmp_path / f"{n}.gguf", weights(n), "BF16" if n else "F16")
        for n in range(2)
    )
    assert levels(a, b)["types"] == {"note"}


def test_no_tensor_is_read(a, tmp_path):
    b = write_pair_member(tmp_path / "b.gguf", weights(2), "Q8_0")
    for path in (a, b):
        model, size = open_model(path), path.stat().st_size
        start = min(t.offset for t in model.tensors.values())
        with path.open("r+b") as file:
            file.truncate(start)
            file.truncate(size)
    assert levels(a, b)["tensors"] == {"ok"}


@pytest.fixture(scope="module")
def sentencepiece_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SentencePiece model, trained here."""
    import sentencepiece

    prefix = tmp_path_factory.mktemp("pieces") / "tokenizer"
    sentences = [
        f"patient {i} has pain in the {w} arm" for i in range(50) for w in ("left", "right")
    ]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_prefix=str(prefix), vocab_size=30, minloglevel=2
    )
    return prefix.with_suffix(".model")


def test_vocabularies_are_held_against_a_sentencepiece_model(sentencepiece_model, tmp_path, capsys):
    pieces = read_pieces(sentencepiece_model)
    added = len(TOKENS) - len(pieces)
    tokens = [*(p.text for p in pieces), *(f"<added{i}>" for i in range(added))]
    scores = [*(p.score for p in pieces), *[0.0] * added]
    paths = [
        write_pair_member(tmp_path / f"{n}.gguf", weights(n), "Q8_0", tokens, scores=scores)
        for n in (1, 2)
    ]
    words = ["check", *map(str, paths), "--tokenizer-model", str(sentencepiece_model)]
    assert main(words) == 0
    assert "every vocabulary has its 30 pieces" in capsys.readouterr().out
    other = write_pair_member(tmp_path / "3.gguf", weights(3), "Q8_0")
    assert main(["check", str(other), str(other), *words[3:]]) == 3
    assert "refuse  SentencePiece:   token 1 of 3.gguf" in capsys.readouterr().out


def test_a_file_that_is_no_sentencepiece_model_is_refused(a, capsys):
    assert main(["check", str(a), str(a), "--tokenizer-model", str(a)]) == 3
    assert "is not a SentencePiece model" in capsys.readouterr().err
