"""Recipes: what a setting means for a tensor, what is refused, and the normal form."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemed.cli.main import main
from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.gguf import open_model
from edgemed.gguf.tensor_names import GROUPS, names_of
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.presets import bio_slerp, uniform
from edgemed.merging.recipe.recipe import between, normal_form, recipe_hash, weighted
from edgemed.merging.recipe.recipe_file import parse_recipe, read_recipe
from edgemed.merging.recipe.settings import Filter, evaluate
from edgemed.merging.run.run import run_plan
from edgemed.storage.bounded import BYTES
from tests.edgemed.merge_pairs import read_tensors, weights, write_pair_member

Q = names_of("blk.1.attn_q.weight", "llama")

TWO = """
merge_method: linear
models:
  - model: a.gguf
    parameters: {weight: 1.0}
  - model: b.gguf
    parameters: {weight: 3.0}
"""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write_pair_member(tmp_path / "a.gguf", weights(1)),
        write_pair_member(tmp_path / "b.gguf", weights(2)),
    )


def parsed(text: str):
    return parse_recipe(text, Path(), "r.yml")


def planned(text: str, folder: Path):
    return plan_merge(parse_recipe(text, folder, "r.yml"), folder / "out.gguf", 1)


def parameters(plan, name: str) -> dict[str, object]:
    return dict(next(s for s in plan.steps if s.name == name).parameters)


@given(anchors=st.lists(st.floats(-5, 5), min_size=1, max_size=6), depth=st.floats(0, 1))
def test_a_gradient_is_linear_between_its_anchors(anchors, depth):
    found = evaluate(tuple(anchors), Q, depth)
    assert found == pytest.approx(
        np.interp(depth, np.linspace(0, 1, len(anchors)), anchors), abs=1e-9
    )


def test_the_first_filter_that_matches_decides_and_none_is_no_value():
    setting = (Filter("mlp", 0.1), Filter("self_attn", (0.2, 0.4)), Filter(None, 0.9))
    assert evaluate(setting, Q, 0.5) == pytest.approx(0.3)
    assert evaluate(setting, names_of("output.weight", "llama"), 0.0) == 0.9
    assert evaluate((Filter("mlp", 0.1),), Q, 0.0) is None
    assert evaluate((Filter("*", 0.7),), Q, 0.0) == 0.7


NAMES = {
    ("llama", "token_embd.weight"): ("model.embed_tokens.weight", "embed"),
    ("llama", "output.weight"): ("lm_head.weight", "output"),
    ("llama", "output_norm.weight"): ("model.norm.weight", "norm"),
    ("llama", "blk.11.attn_q.weight"): ("model.layers.11.self_attn.q_proj.weight", "attn"),
    ("llama", "blk.11.attn_output.weight"): ("model.layers.11.self_attn.o_proj.weight", "attn"),
    ("llama", "blk.3.attn_norm.weight"): ("model.layers.3.input_layernorm.weight", "norm"),
    ("llama", "blk.3.ffn_norm.weight"): ("model.layers.3.post_attention_layernorm.weight", "norm"),
    ("llama", "blk.3.ffn_up.weight"): ("model.layers.3.mlp.up_proj.weight", "ffn"),
    ("qwen2", "blk.0.attn_k.bias"): ("model.layers.0.self_attn.k_proj.bias", "attn"),
    ("qwen3", "blk.0.attn_q_norm.weight"): ("model.layers.0.self_attn.q_norm.weight", "norm"),
    ("gemma3", "blk.2.ffn_norm.weight"): (
        "model.layers.2.pre_feedforward_layernorm.weight", "norm"
    ),
    ("gemma2", "blk.2.post_attention_norm.weight"): (
        "model.layers.2.post_attention_layernorm.weight", "norm"
    ),
    ("phi3", "blk.5.attn_qkv.weight"): ("model.layers.5.self_attn.qkv_proj.weight", "attn"),
    ("qwen3moe", "blk.5.ffn_gate_exps.weight"): (
        "model.layers.5.mlp.experts.gate_proj.weight", "ffn"
    ),
    ("qwen3moe", "blk.5.ffn_gate_inp.weight"): ("model.layers.5.mlp.gate.weight", "ffn"),
}  # fmt: skip


@pytest.mark.parametrize("key", NAMES)
def test_tensors_have_their_checkpoint_names_and_groups(key):
    found = names_of(key[1], key[0])
    assert (found.hf, found.group) == NAMES[key]


def test_an_unknown_architecture_has_gguf_names_alone():
    assert names_of("blk.0.attn_q.weight", "nobody").hf is None


def test_slice_source_goes_before_slice_before_global(pair, tmp_path):
    text = """
merge_method: ties
base_model: base.gguf
slices:
  - sources:
      - {model: a.gguf, layer_range: [0, 1], parameters: {density: 0.1}}
      - {model: b.gguf, layer_range: [0, 1]}
      - {model: base.gguf, layer_range: [0, 1]}
    parameters: {density: 0.2, lambda: 0.5}
  - sources:
      - {model: a.gguf, layer_range: [1, 2]}
      - {model: b.gguf, layer_range: [1, 2], parameters: {weight: [{filter: ffn, value: 7}]}}
      - {model: base.gguf, layer_range: [1, 2]}
parameters: {density: 0.3, weight: 1, normalize: false}
"""
    write_pair_member(tmp_path / "base.gguf", weights(3))
    plan = planned(text, tmp_path)
    first, second = (parameters(plan, f"blk.{i}.attn_q.weight") for i in (0, 1))
    assert first == {
        "weight": (1.0, 1.0), "density": (0.1, 0.2), "lambda_": 0.5, "normalize": False,
        "rescale": False,
    }  # fmt: skip
    assert (second["density"], second["lambda_"]) == ((0.3, 0.3), 1.0)
    assert parameters(plan, "blk.1.ffn_down.weight")["weight"] == (1.0, 7.0)


def test_gradients_run_over_the_slice_and_everything_else_has_the_first_anchor(pair):
    recipe = weighted(list(pair), "slerp", None, None, {"t": (0.25, 0.75)})
    plan = plan_merge(recipe, pair[0].parent / "out.gguf", 1)
    found = [parameters(plan, f"blk.{i}.attn_q.weight")["t"] for i in (0, 1)]
    outside = [parameters(plan, n)["t"] for n in ("token_embd.weight", "output_norm.weight")]
    assert found == [0.25, 0.75]
    assert outside == [0.25, 0.25]


def test_a_filter_that_matches_nothing_is_an_error(pair, tmp_path):
    text = TWO + "parameters: {weight: [{filter: self_atn, value: 1}]}"
    with pytest.raises(UsageError, match="self_atn"):
        planned(text, tmp_path)


@pytest.mark.parametrize("group", ["attn", "ffn", "norm", "embed"])
def test_groups_are_filters(group, pair, tmp_path):
    assert group in GROUPS
    t = (Filter(group, 1.0), Filter(None, 0.0))
    out = tmp_path / "out.gguf"
    run_plan(plan_merge(weighted(list(pair), "slerp", None, None, {"t": t}), out, 1))
    a, b, merged = (read_tensors(p) for p in (*pair, out))
    for name in a:
        source = b if names_of(name, "llama").group == group else a
        np.testing.assert_array_equal(merged[name], source[name], err_msg=name)


WRONG = {
    "merge_method: linear": "models and slices",
    TWO + "modeles: []": "no key 'modeles'",
    TWO.replace("linear", "lienar"): "unknown merge method 'lienar'",
    TWO.replace("weight: 3.0", "wieght: 3.0"): "no parameter 'wieght'",
    TWO.replace("{weight: 3.0}", "{weight: {value: 1, filters: x}}"): "no key 'filters'",
    TWO.replace("{weight: 3.0}", "{weight: [1, a]}"): "a value is a number",
    TWO.replace("b.gguf", "b+lora+"): "adapter",
    TWO + "slices: [{sources: []}]": "models and slices",
    TWO + "modules: {text: {}}": "modules",
    TWO + "parameters: [1]": "not a map",
    TWO + "tokenizer: {source: base, tokens: {x: {}}}": "tokenizer.tokens",
    TWO + "tokenizer: {source: base}\ntokenizer_source: base": "tokenizer_source",
    TWO + "chat_template: vicuna": "chat_template",
    TWO + "seed: abc": "seed is 'abc'",
    TWO + "seed: -1": "the seed -1 is out of range",
    TWO + "out_type: [Q6_K]": "out_type is",
    TWO + "imatrix: {a: b}": "imatrix is",
    TWO + 'imatrix: "a\\0"': "imatrix is",
    TWO + 'base_model: "\\0"': "not a path",
    "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [0, .inf]}]}]": "inf",
    "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [0, 1.5]}]}]": "1.5",
    TWO + "merge_method: slerp": "is given twice",
    "a: *b": "not YAML",
    "!!python/object/apply:os.system ['true']": "not YAML",
    "[" * 5000: "not YAML",
    "merge_method: slerp\nbase_model: a.gguf\nmodels: [{model: a.gguf}]": "takes 2 models, not 1",
    "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [3, 3]}]}]": "[3, 3]",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_meant_is_a_usage_error_with_a_remedy(text):
    with pytest.raises(UsageError) as error:
        parsed(text)
    assert WRONG[text] in str(error.value)
    assert error.value.hint


def test_aliases_cannot_blow_a_recipe_up():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(UsageError):
        parsed("\n".join(lines))


def test_a_file_that_is_too_large_or_missing_is_refused(tmp_path):
    (tmp_path / "big.yml").write_text("#" * (BYTES["recipe"] + 1))
    with pytest.raises(UsageError, match="larger"):
        read_recipe(tmp_path / "big.yml")
    with pytest.raises(EdgemedError, match="none"):
        read_recipe(tmp_path / "none.yml")


def test_keys_without_meaning_here_are_named():
    notes = parsed(TWO + "dtype: float16\nout_dtype: bfloat16\nparameters: {int8_mask: true}").notes
    assert [note.split()[0] for note in notes] == ["dtype", "out_dtype", "int8_mask"]


def test_the_hash_depends_on_meaning_alone():
    other = """
models:
  - {parameters: {weight: 1}, model: a.gguf}
  - {parameters: {weight: [{value: 3.0}]}, model: b.gguf}
merge_method: linear
dtype: float16
"""
    same = other.replace("[{value: 3.0}]", "3")
    assert recipe_hash(parsed(TWO)) == recipe_hash(parsed(same))
    assert recipe_hash(parsed(TWO)) != recipe_hash(parsed(TWO.replace("3.0", "2.0")))
    assert json.loads(json.dumps(normal_form(parsed(other)))) == normal_form(parsed(other))


def test_models_are_relative_to_the_recipe(pair, tmp_path, monkeypatch, capsys):
    recipe = tmp_path / "sub" / "r.yml"
    recipe.parent.mkdir()
    recipe.write_text(TWO.replace("model: ", "model: ../"))
    monkeypatch.chdir("/")
    assert main(["merge", str(recipe), "-o", str(tmp_path / "out.gguf")]) == 0
    a, b, merged = (read_tensors(p)["token_embd.weight"] for p in (*pair, tmp_path / "out.gguf"))
    np.testing.assert_allclose(merged, 0.25 * a + 0.75 * b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "source", ["tokenizer_source: model:b.gguf", "tokenizer: {source: b.gguf}"]
)
def test_a_tokenizer_is_named_in_either_of_mergekits_ways(source, tmp_path):
    recipe = parse_recipe(TWO + source, tmp_path, "r.yml")
    assert recipe.tokenizer == str(tmp_path / "b.gguf")


def test_recipe_show_prints_the_normal_form_and_its_hash(tmp_path, capsys):
    (tmp_path / "r.yml").write_text(TWO + "dtype: float16")
    assert main(["recipe", "show", str(tmp_path / "r.yml"), "--json"]) == 0
    shown, noted = capsys.readouterr()
    form = json.loads(shown)
    assert form.pop("sha256") == recipe_hash(read_recipe(tmp_path / "r.yml"))
    assert form["slices"][0]["sources"][1]["parameters"] == {"weight": 3.0}
    assert "dtype" in noted
    assert main(["recipe", "show", str(tmp_path / "r.yml")]) == 0
    assert "merge_method: linear" in capsys.readouterr().out


def test_presets(pair, tmp_path):
    clinical, instruct = pair
    plan = plan_merge(bio_slerp([clinical, instruct]), tmp_path / "out.gguf", 1)
    steps = {step.name: step for step in plan.steps}
    assert steps["blk.0.attn_q.weight"].action == "copy"
    assert steps["blk.0.attn_q.weight"].sources[0].path == instruct
    assert steps["blk.1.attn_q.weight"].sources[0].path == clinical
    assert steps["blk.0.ffn_down.weight"].sources[0].path == clinical
    assert dict(steps["token_embd.weight"].parameters) == {"t": 0.5, "vectors": "linear"}
    mean = plan_merge(uniform([clinical, instruct]), tmp_path / "out.gguf", 1)
    assert parameters(mean, "token_embd.weight")["weight"] == (1.0, 1.0)


def test_the_instruction_residual_is_a_preset_of_three_models(pair, tmp_path, capsys):
    base, out = write_pair_member(tmp_path / "base.gguf", weights(3)), tmp_path / "out.gguf"
    words = ["-o", str(out), "--preset", "instruction-residual"]
    assert main(["merge", *map(str, pair), str(base), *words]) == 0
    a, b, x0, merged = (read_tensors(p)["blk.0.attn_q.weight"] for p in (*pair, base, out))
    np.testing.assert_allclose(merged, a + b - x0, atol=1e-6)
    assert main(["merge", *map(str, pair), *words, "--force"]) == 2
    assert "and their base" in capsys.readouterr().err


def test_the_command_line_takes_methods_with_parameters(pair, tmp_path):
    base = write_pair_member(tmp_path / "base.gguf", weights(3))
    out = tmp_path / "out.gguf"
    words = ["merge", *map(str, pair), "--base", str(base), "--method", "task_arithmetic"]
    words += ["--weight", "0.5", "1", "--set", "lambda=0.5", "-o", str(out)]
    assert main(words) == 0
    a, b, x0, merged = (read_tensors(p)["blk.0.attn_q.weight"] for p in (*pair, base, out))
    expected = x0 + 0.5 * (0.5 * (a - x0) + (b - x0))
    np.testing.assert_allclose(merged, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.gguf", "b.gguf", "--method", "ties", "--weight", "1", "1"], "needs a base"),
        (
            ["a.gguf", "b.gguf", "--t", "0.5", "--weight", "1", "1"],
            "--weight cannot be combined with --t",
        ),
        (["a.gguf", "b.gguf"], "give --t, or --weight"),
        (["a.gguf", "b.gguf", "--method", "linear"], "give --t, or --weight"),
        (["a.gguf", "b.gguf", "a.gguf"], "give --weight, or --set weight=VALUE"),
        (["a.gguf", "b.gguf", "--method", "slerp"], "give --t, or --set t=VALUE"),
        (["a.gguf", "b.gguf", "--weight", "1"], "1 weights for 2 models"),
        (["a.gguf", "b.gguf", "--method", "nearswap", "--t", "0"], "out of its range"),
        (["a.gguf", "b.gguf", "--t", "0.5", "--set", "t"], "not NAME=VALUE"),
        (["a.gguf", "b.gguf", "--t", "0.5", "--base", "base.gguf"], "no parameter 't'"),
        (
            ["a.gguf", "b.gguf", "--preset", "uniform", "--t", "1"],
            "--t cannot be combined with --preset",
        ),
        (["a.gguf", "b.gguf", "--t", "0.5", "--out-type", "Q9"], "not an output type"),
        (["a.gguf", "b.gguf", "--t", "0.5", "--part-type", "attn_x=Q8_0"], "matches no tensor"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(words, message, pair, capsys):
    folder = pair[0].parent
    words = [str(folder / w) if w.endswith(".gguf") else w for w in words]
    assert main(["merge", *words, "-o", str(folder / "out.gguf")]) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "out.gguf").exists()


def test_slices_of_different_lengths_are_refused(pair, tmp_path):
    text = """
merge_method: linear
parameters: {weight: 1}
slices: [{sources: [{model: a.gguf, layer_range: [0, 2]}, {model: b.gguf, layer_range: [0, 1]}]}]
"""
    with pytest.raises(Refused, match="different numbers of layers"):
        planned(text, tmp_path)


def test_a_layer_range_beyond_the_model_is_refused(pair, tmp_path):
    text = """
merge_method: passthrough
slices: [{sources: [{model: a.gguf, layer_range: [0, 9]}]}]
"""
    with pytest.raises(Refused, match="has 2 blocks"):
        planned(text, tmp_path)


def test_random_masks_depend_on_the_seed_alone(pair, tmp_path):
    base = write_pair_member(tmp_path / "base.gguf", weights(3))

    def made(seed: int, threads: int, max_ram: int | None = None) -> bytes:
        recipe = weighted(list(pair), "dare_ties", base, [1, 1], {"density": 0.5})
        from dataclasses import replace

        plan = plan_merge(replace(recipe, seed=seed), tmp_path / "o.gguf", threads, max_ram, True)
        run_plan(plan)
        return (tmp_path / "o.gguf").read_bytes()

    assert made(1, 1) == made(1, 4, 60_000)
    assert made(1, 1) != made(2, 1)


def test_a_type_for_all_changes_types_file_type_and_nothing_else(pair, tmp_path):
    out = tmp_path / "out.gguf"
    words = ["merge", *map(str, pair), "--t", "0.5", "-o", str(out)]
    assert main([*words, "--out-type", "Q8_0", "--part-type", "attn_q=F16"]) == 0
    model = open_model(out)
    types = {name: tensor.type.name for name, tensor in model.tensors.items()}
    assert types["token_embd.weight"] == types["blk.1.ffn_down.weight"] == "Q8_0"
    assert types["blk.0.attn_q.weight"] == "F16"
    assert types["output_norm.weight"] == "F32"
    assert model.metadata["general.file_type"] == 7
    assert model.metadata["general.quantization_version"] == 2
    assert between(*pair, 0.5).out_type == "like-a"
