"""Models whose vocabularies differ: which are made one, row by row, and which are refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgemed
from edgemed.errors import Incompatible, UsageError
from edgemed.gguf import open_model
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import WORDS, read_tensors, weights, write_pair_member

EMBED = "token_embd.weight"
SCORE = {token: float(-i) for i, token in enumerate(WORDS)}


def member(path: Path, seed: int, tokens: list[str], kind: str = "F32", **keys) -> Path:
    """A model with these tokens; the row of a token depends on the token and the seed alone."""
    tensors = weights(seed)
    own = [np.random.default_rng([seed, *token.encode()]).normal(0, 0.05, 256) for token in tokens]
    tensors[EMBED] = np.array(own, np.float32)
    scores = [SCORE.get(token, -1000.0) for token in tokens]
    return write_pair_member(path, tensors, kind, tokens, scores=scores, **keys)


def rows_of(path: Path) -> dict[str, np.ndarray]:
    """Token -> its row."""
    tokens = open_model(path).metadata["tokenizer.ggml.tokens"]
    return dict(zip(tokens, read_tensors(path)[EMBED], strict=True))


def mean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a.astype(np.float64) + b) / 2


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(WORDS), cap=st.integers(3, 60))
def test_rows_follow_their_tokens_whatever_the_order_and_chunks(order, cap, tmp_path_factory):
    folder = tmp_path_factory.mktemp("order")
    a, b = member(folder / "a.gguf", 1, WORDS), member(folder / "b.gguf", 2, list(order))
    out = folder / "out.gguf"
    edgemed.merge(a, b, t=0.5, out=out, max_ram=cap * 8192)
    ours, theirs, merged = rows_of(a), rows_of(b), rows_of(out)
    assert list(merged) == WORDS
    for token in WORDS:
        np.testing.assert_allclose(merged[token], mean(ours[token], theirs[token]), atol=1e-7)


@pytest.mark.parametrize("swapped", [False, True])
def test_tokens_that_one_model_adds_come_from_it(swapped, tmp_path):
    more = [*WORDS, "<|im_start|>", "<|im_end|>"]
    small, large = member(tmp_path / "s.gguf", 1, WORDS), member(tmp_path / "l.gguf", 2, more)
    pair, out = ((large, small) if swapped else (small, large)), tmp_path / "out.gguf"
    plan = plan_merge(between(*pair, 0.5), out, 2)
    assert any("l.gguf has tokens" in note for note in plan.notes)
    run_plan(plan)
    ours, theirs, merged = rows_of(small), rows_of(large), rows_of(out)
    assert list(merged) == more
    np.testing.assert_array_equal(merged["<|im_end|>"], theirs["<|im_end|>"])
    np.testing.assert_allclose(merged["▁word3"], mean(ours["▁word3"], theirs["▁word3"]), atol=1e-7)
    assert out.stat().st_size == plan.placement.total_bytes


def test_a_row_with_one_owner_keeps_its_bytes_in_a_quantized_file(tmp_path):
    more = [*WORDS, "<|im_end|>"]
    a = member(tmp_path / "a.gguf", 1, WORDS, "Q4_K")
    b = member(tmp_path / "b.gguf", 2, more, "Q4_K")
    edgemed.merge(a, b, t=0.3, out=tmp_path / "out.gguf")
    merged = open_model(tmp_path / "out.gguf").tensors[EMBED]
    theirs = open_model(b).tensors[EMBED]
    assert last_row(merged) == last_row(theirs)


def last_row(tensor) -> bytes:
    data = tensor.path.read_bytes()[tensor.offset : tensor.offset + tensor.nbytes]
    return data[-tensor.row_bytes :]


def test_at_t_0_a_model_that_lacks_tokens_still_gets_them(tmp_path):
    more = [*WORDS, "<|im_end|>"]
    a, b = member(tmp_path / "a.gguf", 1, WORDS), member(tmp_path / "b.gguf", 2, more)
    edgemed.merge(a, b, t=0.0, out=tmp_path / "out.gguf")
    merged = rows_of(tmp_path / "out.gguf")
    np.testing.assert_array_equal(merged["<|im_end|>"], rows_of(b)["<|im_end|>"])
    np.testing.assert_array_equal(merged["▁word5"], rows_of(a)["▁word5"])


def test_padding_counts_for_nothing(tmp_path):
    padded = [*WORDS, *(f"[PAD{64 + i}]" for i in range(8))]
    a, b = member(tmp_path / "a.gguf", 1, WORDS), member(tmp_path / "b.gguf", 2, padded)
    plan = plan_merge(between(a, b, 0.5), tmp_path / "out.gguf", 1)
    assert any("padding alone" in note for note in plan.notes)
    run_plan(plan)
    merged, theirs = rows_of(tmp_path / "out.gguf"), rows_of(b)
    np.testing.assert_array_equal(merged["[PAD64]"], theirs["[PAD64]"])


def test_the_union_has_the_rows_of_their_owners_and_the_mean_of_the_common(tmp_path):
    left, right = [*WORDS, "<left>"], [*WORDS, "<right>"]
    a, b = member(tmp_path / "a.gguf", 1, left), member(tmp_path / "b.gguf", 2, right)
    out = tmp_path / "out.gguf"
    with pytest.raises(Incompatible, match="vocabularies differ") as refusal:
        plan_merge(between(a, b, 0.5), out, 1)
    assert "whose vocabulary" in refusal.value.hint
    run_plan(plan_merge(between(a, b, 0.5, tokenizer="union"), out, 1))
    ours, theirs, merged = rows_of(a), rows_of(b), rows_of(out)
    assert list(merged) == [*left, "<right>"]
    np.testing.assert_array_equal(merged["<left>"], ours["<left>"])
    np.testing.assert_array_equal(merged["<right>"], theirs["<right>"])
    np.testing.assert_allclose(merged["▁word0"], mean(ours["▁word0"], theirs["▁word0"]), atol=1e-7)
    scores = open_model(out).metadata["tokenizer.ggml.scores"]
    assert (scores[3], scores[64], scores[65]) == (-3.0, -1000.0, -1000.0)


@pytest.mark.parametrize("named", ["B", "path"])
def test_a_chosen_vocabulary_leaves_out_what_it_lacks(named, tmp_path):
    left, right = [*WORDS, "<left>"], [*WORDS, "<right>"]
    a, b = member(tmp_path / "a.gguf", 1, left), member(tmp_path / "b.gguf", 2, right)
    word = "B" if named == "B" else str(b)
    plan = plan_merge(between(a, b, 0.5, tokenizer=word), tmp_path / "out.gguf", 1)
    run_plan(plan)
    assert list(rows_of(tmp_path / "out.gguf")) == right
    assert any("1 tokens of others are left out" in note for note in plan.notes)


def test_unrelated_vocabularies_of_equal_shapes_are_refused_whatever_is_asked(tmp_path):
    other = ["<unk>", *(f"▁autre{i}" for i in range(63))]
    a, b = member(tmp_path / "a.gguf", 1, WORDS), member(tmp_path / "b.gguf", 2, other)
    for tokenizer in (None, "A", "union"):
        with pytest.raises(Incompatible, match="share 1 of 64 and 64 tokens"):
            plan_merge(between(a, b, 0.5, tokenizer=tokenizer), tmp_path / "out.gguf", 1)


@pytest.mark.parametrize("key", ["tokenizer__ggml__pre", "tokenizer__ggml__merges"])
def test_the_same_pieces_cut_by_other_rules_are_refused(key, tmp_path):
    def value(i: int) -> object:
        return [f"a b{i}"] if key.endswith("merges") else f"rule-{i}"

    a = member(tmp_path / "a.gguf", 1, WORDS, **{key: value(1)})
    b = member(tmp_path / "b.gguf", 2, [*WORDS[:-2], WORDS[-1], WORDS[-2]], **{key: value(2)})
    with pytest.raises(Incompatible, match=r"pre-tokenizer|token merges"):
        plan_merge(between(a, b, 0.5), tmp_path / "out.gguf", 1)


def test_turn_tokens_get_their_numbers_in_the_output(tmp_path):
    order = [*WORDS[:10], WORDS[63], *WORDS[10:63]]
    a = member(tmp_path / "a.gguf", 1, WORDS)
    keys = {"tokenizer__ggml__eos_token_id": 10, "tokenizer__chat_template": "{{ x }}"}
    b = member(tmp_path / "b.gguf", 2, order, **keys)
    run_plan(plan_merge(between(a, b, 0.5), tmp_path / "out.gguf", 1))
    metadata = open_model(tmp_path / "out.gguf").metadata
    assert metadata["tokenizer.ggml.eos_token_id"] == 63
    assert metadata["tokenizer.chat_template"] == "{{ x }}"


def two_templates(tmp_path: Path) -> tuple[Path, Path]:
    return tuple(
        member(tmp_path / f"{n}.gguf", i, WORDS, tokenizer__chat_template=f"{{{{ {n} }}}}")
        for i, n in enumerate("ab")
    )


def test_two_chat_templates_wait_for_a_decision(tmp_path):
    a, b = two_templates(tmp_path)
    with pytest.raises(Incompatible, match="different chat templates") as refusal:
        plan_merge(between(a, b, 0.5), tmp_path / "out.gguf", 1)
    assert "whose vocabulary" in refusal.value.hint


@pytest.mark.parametrize(
    ("decision", "kept"),
    [({"tokenizer": "B"}, "{{ b }}"), ({"chat_template": "{{ mine }}"}, "{{ mine }}")],
)
def test_a_decided_chat_template_is_in_the_output(decision, kept, tmp_path):
    a, b = two_templates(tmp_path)
    run_plan(plan_merge(between(a, b, 0.5, **decision), tmp_path / "out.gguf", 1))
    assert open_model(tmp_path / "out.gguf").metadata["tokenizer.chat_template"] == kept


def test_models_without_any_template_merge_with_a_note(tmp_path):
    a, b = member(tmp_path / "a.gguf", 1, WORDS), member(tmp_path / "b.gguf", 2, WORDS)
    plan = plan_merge(between(a, b, 0.5), tmp_path / "out.gguf", 1)
    assert any("no model has a chat template" in note for note in plan.notes)


def test_a_tokenizer_of_no_model_is_a_usage_error(tmp_path):
    a, b = member(tmp_path / "a.gguf", 1, WORDS), member(tmp_path / "b.gguf", 2, WORDS)
    with pytest.raises(UsageError, match=r"other\.gguf"):
        plan_merge(between(a, b, 0.5, tokenizer="other.gguf"), tmp_path / "out.gguf", 1)
