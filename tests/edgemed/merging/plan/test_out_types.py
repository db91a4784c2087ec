"""Output types: llama.cpp's mixes for real shapes, fallbacks, and the policies."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from edgemed_native.ggml_types import BY_NAME

from edgemed.errors import UsageError
from edgemed.gguf import Tensor
from edgemed.merging.plan.out_types import (
    file_type_of,
    is_quantizable,
    out_types,
    wanted_types,
)
from edgemed.merging.recipe.recipe import between, type_word
from edgemed.quantizing.mixes import Facts, Matrix, mixed_types
from tests.bench.synthetic import SHAPES, tensors

FACTS = {"1b": Facts("llama", 16, 4, 0, True, False), "8b": Facts("llama", 32, 4, 0, True, False)}


class ToWrite(NamedTuple):
    name: str
    leads: tuple[Tensor, ...]


def tensor(name: str, shape: tuple[int, ...], kind: str = "F16") -> Tensor:
    return Tensor(name, shape, BY_NAME[kind], Path("a.gguf"), 0, 0)


def outputs(shape: str) -> list[ToWrite]:
    specs = tensors(SHAPES[shape], 128256, "F16")
    return [ToWrite(name, (tensor(name, dims, type.name),)) for name, dims, type in specs]


def types_for(asked, made, facts):
    return out_types(made, wanted_types(asked, made, facts))


def recipe(out_type: str, *types: tuple[str, str]):
    return replace(between("a.gguf", "b.gguf", 0.5), out_type=out_type, types=types)


def test_q4_k_m_of_llama_3_1_8b_has_the_published_size():
    made = outputs("8b")
    types = types_for(recipe("Q4_K_M"), made, FACTS["8b"])
    weights = {"Q4_K": 0, "Q6_K": 0, "F32": 0}
    for output, type in zip(made, types, strict=True):
        weights[type.name] += output.leads[0].rows * output.leads[0].row_length
    assert weights["Q4_K"] == pytest.approx(6.498e9, rel=1e-3)
    assert weights["Q6_K"] == pytest.approx(1.532e9, rel=1e-3)
    size = sum(
        d.leads[0].rows * t.row_bytes(d.leads[0].row_length)
        for d, t in zip(made, types, strict=True)
    )
    assert size / 2**30 == pytest.approx(4.58, abs=0.01)


@pytest.mark.parametrize("shape", ["1b", "8b"])
@pytest.mark.parametrize("word", ["Q4_K_M", "F16"])
def test_the_mixes_agree_with_the_layout_of_published_files(shape, word):
    expected = [type.name for _, _, type in tensors(SHAPES[shape], 128256, word)]
    assert [t.name for t in types_for(recipe(word), outputs(shape), FACTS[shape])] == expected


@pytest.mark.parametrize(
    ("word", "length", "found"),
    [
        ("Q4_K", 512, "Q4_K"), ("Q4_K", 896, "Q5_0"), ("Q5_K", 896, "Q5_1"),
        ("Q6_K", 896, "Q8_0"), ("IQ4_XS", 896, "IQ4_NL"), ("Q6_K", 172, "F16"),
        ("IQ2_XXS", 100, "F16"), ("Q8_0", 100, "F16"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fill_blocks_fall_back_as_in_llama_cpp(word, length, found):
    made = [ToWrite("blk.0.attn_q.weight", (tensor("blk.0.attn_q.weight", (length, 8)),))]
    assert types_for(recipe(word), made, FACTS["8b"])[0].name == found


@pytest.mark.parametrize(
    "name",
    ["blk.0.attn_norm.weight", "blk.0.ffn_gate_inp.weight", "blk.0.ssm_conv1d.weight"],
)
def test_what_llama_cpp_never_quantizes_keeps_its_type(name):
    made = [ToWrite(name, (tensor(name, (512, 8), "F32"),))]
    assert types_for(recipe("Q4_K"), made, FACTS["8b"])[0].name == "F32"


def test_like_b_and_max_look_at_the_second_parent():
    name = "blk.0.attn_q.weight"
    made = [ToWrite(name, (tensor(name, (512, 8), "Q4_K"), tensor(name, (512, 8), "Q6_K")))]
    found = [
        types_for(recipe(word), made, FACTS["8b"])[0].name for word in ("like-a", "like-b", "max")
    ]
    assert found == ["Q4_K", "Q6_K", "Q6_K"]
    with pytest.raises(UsageError, match="like-b"):
        types_for(recipe("like-b"), [ToWrite(name, made[0].leads[:1])], FACTS["8b"])


def test_the_first_pattern_that_matches_goes_before_the_policy():
    made = outputs("8b")
    asked = recipe("Q4_K_M", ("blk.0.attn_q", "F16"), ("attn", "Q8_0"), ("output", "Q8_0"))
    types = {d.name: t.name for d, t in zip(made, types_for(asked, made, FACTS["8b"]), strict=True)}
    assert types["blk.0.attn_q.weight"] == "F16"
    assert types["blk.1.attn_q.weight"] == "Q8_0"
    assert types["output.weight"] == "Q8_0"


def test_vectors_keep_their_type_whatever_pattern_they_match():
    made = outputs("8b")
    asked = recipe("like-a", ("attn", "Q6_K"))
    types = {d.name: t.name for d, t in zip(made, types_for(asked, made, FACTS["8b"]), strict=True)}
    assert types["blk.0.attn_norm.weight"] == "F32"
    assert types["blk.0.attn_q.weight"] == "Q6_K"
    with pytest.raises(UsageError, match="'norm' matches no tensor whose type can be chosen"):
        types_for(recipe("like-a", ("norm", "Q8_0")), made, FACTS["8b"])


def test_the_file_type_says_what_most_weights_are():
    made = outputs("8b")
    for word, number in (("Q4_K_M", 15), ("Q6_K", 18), ("Q8_0", 7), ("F16", 1), ("Q5_K", 17)):
        assert (
            file_type_of(recipe(word), made, types_for(recipe(word), made, FACTS["8b"])) == number
        )


@pytest.mark.parametrize("word", ["Q2_K", "Q3_K_L", "IQ3_XS", "Q5_K_S", "IQ4_XS"])
def test_every_mix_is_the_one_that_quantize_uses(word):
    made = outputs("8b")
    matrices = [Matrix(d.name, d.leads[0].shape) for d in made if is_quantizable(d)]
    expected = mixed_types(word, FACTS["8b"], matrices, {})
    found = {
        d.name: t.name
        for d, t in zip(made, types_for(recipe(word), made, FACTS["8b"]), strict=True)
    }
    assert {name: found[name] for name in expected} == expected
    assert len(set(expected.values())) > 1


def test_words_for_types_are_read_in_either_case():
    words = ("q4_k_m", "LIKE-B", "Max", "Q8_0")
    assert [type_word(w) for w in words] == ["Q4_K_M", "like-b", "max", "Q8_0"]
