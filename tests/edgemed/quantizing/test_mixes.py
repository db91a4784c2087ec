"""The type of every tensor of five models in every file type, against llama.cpp's own snapshots."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgemed.quantizing.file_types import FILE_TYPES
from edgemed.quantizing.mixes import Facts, Matrix, fitting, is_quantizable, kind_of, mixed_types

SNAPSHOTS = json.loads(
    Path(__file__).parents[1].joinpath("data").joinpath("type_mixes.json").read_text()
)
MODELS = {model["model"]: model for model in SNAPSHOTS["models"]}
CASES = [(name, mix) for name, model in MODELS.items() for mix in model["types"]]


def unfolded(words: list[str]) -> Iterator[str]:
    """`attn_v.weight 0-3,6` -> the names of those five tensors."""
    for word in words:
        name, _, blocks = word.partition(" ")
        if not blocks:
            yield name
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", blocks):
            for block in range(int(first), int(last or first) + 1):
                yield f"blk.{block}.{name}"


def matrices_of(model: dict[str, Any]) -> list[Matrix]:
    return [
        Matrix(name, tuple(int(n) for n in shape.split(" x ")))
        for shape, words in model["shapes"].items()
        for name in unfolded(words)
    ]


def facts(model: dict[str, Any], imatrix: bool = False) -> Facts:
    heads, keys = model["heads"], model["key_heads"]
    shared = heads // keys if keys else 0
    return Facts(
        model["architecture"], model["layers"], shared, model["experts"], heads != keys, imatrix
    )


@pytest.mark.parametrize("name, mix", CASES)
def test_types_are_those_of_llama_cpp(name: str, mix: str) -> None:
    model = MODELS[name]
    groups = dict(model["types"][mix])
    usual = groups.pop("usual")
    apart = {tensor: type for type, words in groups.items() for tensor in unfolded(words)}
    matrices = matrices_of(model)
    assert set(apart) <= {m.name for m in matrices}
    assert FILE_TYPES[mix].usual == usual
    found = mixed_types(mix, facts(model), matrices, {})
    assert found == {m.name: apart.get(m.name, usual) for m in matrices}


def test_a_matrix_guards_the_first_blocks_of_q4_0() -> None:
    model = MODELS["qwen3-0.6b"]
    found = mixed_types("Q4_0", facts(model, imatrix=True), matrices_of(model), {})
    richer = {name for name, type in found.items() if type == "Q4_1"}
    assert richer == {f"blk.{i}.ffn_down.weight" for i in range(3)}


def test_tensors_set_apart_are_not_counted() -> None:
    model = MODELS["qwen3-0.6b"]
    matrices = matrices_of(model)
    apart = {f"blk.{i}.attn_v.weight": "Q8_0" for i in range(2)}
    found = mixed_types("Q3_K_M", facts(model), matrices, apart)
    values = [found[f"blk.{i}.attn_v.weight"] for i in range(6)]
    assert values == ["Q8_0", "Q8_0", "Q5_K", "Q5_K", "Q4_K", "Q4_K"]


@pytest.mark.parametrize(
    "wanted, row_length, fits",
    [
        ("Q4_K", 256, "Q4_K"),
        ("Q4_K", 896, "Q5_0"),
        ("IQ2_XXS", 896, "IQ4_NL"),
        ("Q4_K", 172, "F16"),
        ("Q4_0", 33, "F16"),
        ("NVFP4", 96, "F16"),
        ("F32", 7, "F32"),
    ],
)
def test_rows_that_fill_no_whole_blocks_get_another_type(
    wanted: str, row_length: int, fits: str
) -> None:
    assert fitting(wanted, row_length) == fits


@pytest.mark.parametrize(
    "name, shape, wanted",
    [
        ("blk.0.attn_q.weight", (64, 64), True),
        ("blk.0.attn_q.bias", (64, 64), False),
        ("blk.0.attn_norm.weight", (64,), False),
        ("blk.0.ffn_gate_inp.weight", (64, 8), False),
        ("blk.0.ssm_conv1d.weight", (4, 64), False),
        ("position_embd.weight", (64, 64), False),
        ("v.position_embd.weight", (64, 64), False),
        ("token_embd.weight", (64, 1, 1), False),
        ("blk.0.ffn_up_exps.weight", (64, 64, 8), True),
    ],
)
def test_small_and_routing_tensors_stay(name: str, shape: tuple[int, ...], wanted: bool) -> None:
    assert is_quantizable(Matrix(name, shape)) is wanted


def test_a_tied_head_is_the_embedding() -> None:
    model = MODELS["qwen3-0.6b"]
    matrices = [Matrix("token_embd.weight", (1024, 64)), Matrix("blk.0.ffn_up.weight", (1024, 64))]
    found = mixed_types("Q4_K_M", facts(model), matrices, {})
    assert found["token_embd.weight"] == "Q6_K"
    assert kind_of("per_layer_token_embd.weight") == "token_embd"
