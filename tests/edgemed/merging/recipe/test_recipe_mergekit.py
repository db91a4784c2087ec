"""Recipes in the forms that people publish: run as mergekit runs them, or refused by name."""

from pathlib import Path

import numpy as np
import pytest
from edgemed_models.engine.prompt import render

from edgemed.cli.main import main
from edgemed.errors import EdgemedError, UsageError
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.chat_templates import FORMATS
from edgemed.merging.recipe.recipe import recipe_hash
from edgemed.merging.recipe.recipe_file import parse_recipe
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import TOKENS, read_tensors, weights, write_pair_member
from tests.oracles import methods as oracle

SETTINGS_BROUGHT_IN_FROM_A_KEY_OF_NO_RECIPE = """
const_tag: &scale_factor 0.7071067812
attenuate-env: &attenuated_env
  parameters:
    scale:
      - filter: q_proj
        value: *scale_factor
      - filter: k_proj
        value: *scale_factor
      - value: 1.0
slices:
  - sources:
    - model: a.gguf
      layer_range: [0, 1]
  - sources:
    - model: a.gguf
      layer_range: [0, 2]
      <<: *attenuated_env
merge_method: passthrough
dtype: float16
"""

CHAT_FORMAT_BY_NAME_IN_A_SLERP_OF_BASE_AND_OTHER = """
models:
  - model: a.gguf
  - model: b.gguf
base_model: a.gguf
merge_method: slerp
dtype: bfloat16
tokenizer_source: "union"
chat_template: "chatml"
parameters:
  t: [0, 0.5, 1, 0.5, 0]
"""

HEAD_OF_ONE_MODEL_WHERE_THE_EMBEDDING_IS_THE_HEAD = """
merge_method: linear
models:
  - model: a.gguf
    parameters:
      weight:
        - filter: lm_head
          value: 1
        - value: 0.5
  - model: b.gguf
    parameters:
      weight:
        - filter: lm_head
          value: 0
        - value: 0.5
"""

TWO = """
merge_method: linear
models:
  - model: a.gguf
    parameters: {weight: 1.0}
  - model: b.gguf
    parameters: {weight: 3.0}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("base", "a", "b", "c")):
        write_pair_member(home / f"{name}.gguf", weights(seed))
    return home


def parsed(text: str):
    return parse_recipe(text, Path(), "r.yml")


def planned(text: str, folder: Path):
    return plan_merge(parse_recipe(text, folder, "r.yml"), folder / "out.gguf", 1, replace=True)


def merged(text: str, folder: Path) -> dict[str, np.ndarray]:
    run_plan(planned(text, folder))
    return read_tensors(folder / "out.gguf")


def read(folder: Path, name: str) -> dict[str, np.ndarray]:
    return read_tensors(folder / f"{name}.gguf")


def value(text: str, name: str) -> object:
    """A global parameter of the recipe."""
    return parsed(text).parameters[name]


def test_settings_come_in_from_a_key_that_is_none_of_a_recipes(folder):
    found = merged(SETTINGS_BROUGHT_IN_FROM_A_KEY_OF_NO_RECIPE, folder)
    a = read(folder, "a")
    np.testing.assert_array_equal(found["blk.0.attn_q.weight"], a["blk.0.attn_q.weight"])
    for block in (0, 1):
        expected = np.float32(0.7071067812) * a[f"blk.{block}.attn_q.weight"]
        np.testing.assert_allclose(found[f"blk.{block + 1}.attn_q.weight"], expected, rtol=1e-6)
    notes = planned(SETTINGS_BROUGHT_IN_FROM_A_KEY_OF_NO_RECIPE, folder).notes
    assert any(note.startswith("attenuate-env is not a key") for note in notes)


def test_a_chat_format_is_called_by_its_name(folder):
    plan = planned(CHAT_FORMAT_BY_NAME_IN_A_SLERP_OF_BASE_AND_OTHER, folder)
    assert plan.recipe.chat_template == FORMATS["chatml"].template
    assert any("<|im_start|>, <|im_end|>, which the vocabulary lacks" in n for n in plan.notes)


def test_marks_that_the_vocabulary_has_are_not_spoken_of(folder):
    tokens = [*TOKENS[:-2], "<|im_start|>", "<|im_end|>"]
    for name in "ab":
        write_pair_member(folder / f"chat-{name}.gguf", weights(1), tokens=tokens)
    text = CHAT_FORMAT_BY_NAME_IN_A_SLERP_OF_BASE_AND_OTHER.replace("model: ", "model: chat-")
    assert not any("vocabulary lacks" in n for n in planned(text, folder).notes)


def test_a_filter_of_a_head_that_is_the_embedding_is_a_note(folder):
    found = merged(HEAD_OF_ONE_MODEL_WHERE_THE_EMBEDDING_IS_THE_HEAD, folder)
    a, b = read(folder, "a"), read(folder, "b")
    np.testing.assert_allclose(
        found["token_embd.weight"], (a["token_embd.weight"] + b["token_embd.weight"]) / 2, atol=1e-6
    )
    notes = planned(HEAD_OF_ONE_MODEL_WHERE_THE_EMBEDDING_IS_THE_HEAD, folder).notes
    assert any("the filter lm_head has no effect" in note for note in notes)


@pytest.mark.parametrize("pattern", ["output", "lm_head", "q_norm", "attn_k.bias", "q_proj.bias"])
def test_filters_of_tensors_that_other_llamas_have_are_notes(pattern, folder):
    text = TWO + f"parameters: {{weight: [{{filter: {pattern}, value: 1}}]}}"
    if pattern == "q_norm":  # no llama has it
        with pytest.raises(UsageError, match="q_norm"):
            planned(text, folder)
    else:
        assert any(f"the filter {pattern} has no" in note for note in planned(text, folder).notes)


@pytest.mark.parametrize("written", ["1e-6", "1E-6", "'1e-6'", '" 0.000001 "', "1.0e-6"])
def test_numbers_that_yaml_reads_as_text_are_numbers(written):
    text = TWO.replace("linear", "multislerp") + f"parameters: {{eps: {written}}}"
    assert value(text, "eps") == 1e-6


def test_numbers_as_text_in_gradients_and_filters(folder):
    text = """
merge_method: slerp
base_model: a.gguf
models: [{model: b.gguf}]
parameters:
  t:
    - {filter: attn, value: ["0", 2.5e-1, '1']}
    - value: "0.5"
"""
    plan = planned(text, folder)
    t = {step.name: dict(step.parameters)["t"] for step in plan.steps}
    assert (t["blk.0.attn_q.weight"], t["blk.1.attn_q.weight"]) == (0.0, 1.0)
    assert t["token_embd.weight"] == 0.5


def test_tolerances_of_karcher_as_published(folder):
    text = "merge_method: karcher\nmodels: [{model: a.gguf}, {model: b.gguf}]\n"
    steps = planned(text + "parameters: {max_iter: 1000, tol: 1e-9}", folder).steps
    found = dict(steps[0].parameters)
    assert (found["max_iter"], found["tol"]) == (1000, 1e-9)


@pytest.mark.parametrize(
    ("given", "expected"), [("1", True), ("0", False), ("1.0", True), ("on", True), ("'1'", True)]
)
def test_yes_and_no_as_numbers(given, expected, folder):
    steps = planned(TWO + f"parameters: {{normalize: {given}}}", folder).steps
    assert dict(steps[0].parameters)["normalize"] is expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("parameters: {normalize: 0.5}", "normalize is 0.5"),
        ("parameters: {normalize: ja}", "normalize is 'ja'"),
        ("parameters: {normalize: .nan}", "normalize is nan"),
    ],
)
def test_what_is_neither_yes_nor_no_is_refused(line, message, folder):
    with pytest.raises(UsageError, match=message):
        planned(TWO + line, folder)


def test_a_share_of_a_count_is_refused(folder):
    text = "merge_method: karcher\nmodels: [{model: a.gguf}, {model: b.gguf}]\n"
    with pytest.raises(UsageError, match=r"max_iter is 10\.5"):
        planned(text + "parameters: {max_iter: 10.5}", folder)


MERGE_KEYS = """
merge_method: linear
one: &one {weight: 1.0}
two: &two {weight: 2.0, normalize: false}
models:
  - model: a.gguf
    parameters: {<<: [*one, *two], weight: 3.0}
  - model: b.gguf
    parameters:
      <<: *two
parameters: {<<: [*one, *two]}
"""


def test_keys_of_ones_own_go_before_those_that_are_brought_in_and_earlier_before_later():
    recipe = parsed(MERGE_KEYS)
    first, second = recipe.slices[0].sources
    assert (first.parameters["weight"], second.parameters["weight"]) == (3.0, 2.0)
    assert recipe.parameters == {"weight": 1.0, "normalize": False}


def test_mappings_merged_into_mappings_cannot_blow_a_recipe_up():
    lines = ["a0: &a0 {" + ", ".join(f"k{i}: {i}" for i in range(50)) + "}"]
    for i in range(1, 12):
        lines.append(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}], m{i}: 1}}")
    with pytest.raises(UsageError):
        parsed("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<<: 3\n", "<< needs a mapping"),
        ("x: &x [1]\ny: {<<: *x}\n", "<< needs a mapping"),
        ("{1: 2}", "the key 1 is not a word"),
    ],
)
def test_merge_keys_that_mean_nothing_are_refused(text, message):
    with pytest.raises(UsageError) as error:
        parsed(text)
    assert message in str(error.value)


def test_a_mapping_that_takes_over_itself_brings_nothing():
    assert recipe_hash(parsed("x: &x {<<: *x}" + TWO)) == recipe_hash(parsed(TWO))


@pytest.mark.parametrize(
    "key",
    ["name: x", "license: apache-2.0", "tags: [merge]", "library_name: transformers", "x-a: 1"],
)
def test_keys_that_are_none_of_a_recipes_are_named_and_have_no_effect(key):
    word = key.split(":")[0]
    assert any(
        note.startswith(f"{word} is not a key of a recipe") for note in parsed(TWO + key).notes
    )


WRONG_KEYS = {
    "dtyp: float16": "no key 'dtyp'\ndtype",
    "random_seed: 1": "no key 'random_seed'\nthe seed",
    "weight: 1": "no key 'weight'\nit is a parameter",
    "layer_range: [0, 1]": "no key 'layer_range'\nit belongs elsewhere",
    "experts: []": "no key 'experts'\nmergekit-moe",
    "parameter: {}": "no key 'parameter'\nparameters",
    "tokenizer_sources: base": "no key 'tokenizer_sources'\ntokenizer_source",
}


@pytest.mark.parametrize("key", WRONG_KEYS)
def test_a_key_in_the_wrong_place_or_misspelled_is_refused_by_name(key):
    with pytest.raises(UsageError) as error:
        parsed(TWO + key)
    assert WRONG_KEYS[key] in str(error.value)


def test_a_parameter_beside_the_model_is_refused_by_name():
    with pytest.raises(UsageError, match="no key 'weight'"):
        parsed("merge_method: linear\nmodels: [{model: a.gguf, weight: 1}]")


def test_a_parameter_of_other_methods_is_named_and_has_no_effect(folder):
    plan = planned(TWO + "parameters: {density: 0.5, lambda: 1}", folder)
    assert "linear has no parameter density: it has no effect" in plan.notes
    assert "density" not in dict(plan.steps[0].parameters)


@pytest.mark.parametrize("method", ["slerp", "nearswap", "arcee_fusion"])
def test_a_base_that_is_not_listed_is_the_first_of_two(method, folder):
    t = "" if method == "arcee_fusion" else "parameters: {t: 0.25}\n"
    head = f"merge_method: {method}\nbase_model: a.gguf\n{t}"
    alone = merged(head + "models: [{model: b.gguf}]", folder)
    listed = merged(head + "models: [{model: a.gguf}, {model: b.gguf}]", folder)
    for name, array in listed.items():
        np.testing.assert_array_equal(alone[name], array, err_msg=name)


def test_a_base_that_is_not_listed_is_one_of_the_models_of_karcher(folder):
    text = "merge_method: karcher\nbase_model: c.gguf\nmodels: [{model: a.gguf}, {model: b.gguf}]\n"
    found = merged(text + "parameters: {max_iter: 100, tol: 1e-9}", folder)["blk.0.attn_q.weight"]
    models = [read(folder, n)["blk.0.attn_q.weight"].astype(float) for n in "abc"]
    np.testing.assert_allclose(found, oracle.karcher(models, [1.0] * 3), atol=1e-6)


def test_a_base_that_is_not_listed_has_the_weight_of_all(folder):
    text = "merge_method: linear\nbase_model: c.gguf\nmodels: [{model: a.gguf}, {model: b.gguf}]\n"
    found = merged(text + "parameters: {weight: 1}", folder)["token_embd.weight"]
    mean = sum(read(folder, n)["token_embd.weight"].astype(float) for n in "abc") / 3
    np.testing.assert_allclose(found, mean, atol=1e-6)
    with pytest.raises(UsageError, match="weight is not set"):
        planned(text.replace("a.gguf}", "a.gguf, parameters: {weight: 1}}"), folder)


def test_a_base_that_is_not_listed_is_one_too_many_for_passthrough():
    with pytest.raises(UsageError, match=r"not 2 with the base b\.gguf"):
        parsed("merge_method: passthrough\nbase_model: b.gguf\nmodels: [{model: a.gguf}]")


def test_a_base_in_no_slice_of_a_stack_is_not_mixed_in(folder):
    text = """
merge_method: passthrough
base_model: b.gguf
slices:
  - sources: [{model: a.gguf, layer_range: [0, 2]}]
  - sources: [{model: a.gguf, layer_range: [1, 2]}]
"""
    found, a = merged(text, folder), read(folder, "a")
    np.testing.assert_array_equal(found["blk.2.attn_q.weight"], a["blk.1.attn_q.weight"])
    assert any("base_model b.gguf is in no slice" in note for note in planned(text, folder).notes)


def test_karcher_weights_are_edgemeds_own_and_it_says_so():
    text = TWO.replace("linear", "karcher")
    assert "weight counts in karcher here; mergekit's karcher has none" in parsed(text).notes


@pytest.mark.parametrize(
    "written",
    [
        "{path: a.gguf}",
        "{path: a.gguf, revision: null}",
        "{model: {path: a.gguf, revision: null}, lora: null, override_architecture: null}",
        "{model: a.gguf}",
    ],
)
def test_models_in_the_long_forms_that_mergekit_writes(written, tmp_path):
    recipe = parse_recipe(TWO.replace("a.gguf", written), tmp_path, "r.yml")
    assert recipe.models[0] == tmp_path / "a.gguf"


NO_MODELS = {
    "a.gguf+lora+": "without an adapter",
    "a.gguf+lora@main": "revision",
    "org/model@main": "revision",
    "{model: {path: a.gguf}, lora: {path: x, revision: main}}": "revision",
    "{model: a.gguf, lora: 3}": "not a path of an adapter",
    "{path: a.gguf, revision: main}": "revision",
    "{model: a.gguf, override_architecture: LlamaForCausalLM}": "override_architecture",
}


@pytest.mark.parametrize("written", NO_MODELS)
def test_models_that_are_more_than_a_file_are_refused_by_name(written):
    with pytest.raises(UsageError, match=NO_MODELS[written]):
        parsed(TWO.replace("a.gguf", written))


def test_a_name_of_a_hub_is_answered_with_what_is_meant(folder, capsys):
    (folder / "hub.yml").write_text(TWO.replace("b.gguf", "org/model"))
    assert main(["merge", str(folder / "hub.yml"), "-o", str(folder / "o.gguf"), "--dry-run"]) == 3
    said = capsys.readouterr().err
    assert "org/model" in said and "names like org/model are not looked up" in said


def test_rows_of_single_tokens_are_refused_by_name():
    text = "tokenizer: {source: union, tokens: {<|im_start|>: {source: a.gguf, force: true}}}"
    with pytest.raises(UsageError, match=r"tokenizer\.tokens: .*<\|im_start\|>"):
        parsed(TWO + text)


def test_padding_of_the_vocabulary_is_named_and_has_no_effect():
    notes = parsed(TWO + "tokenizer: {source: union, pad_to_multiple_of: 64}").notes
    assert any(note.startswith("tokenizer.pad_to_multiple_of has no effect") for note in notes)


TURNS = [("system", "S"), ("user", "Q"), ("assistant", "A"), ("user", "R")]
RENDERED = {
    "chatml": "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n"
    "<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nR<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "<s> [INST] S\n\nQ [/INST] A</s> [INST] R [/INST]",
    "alpaca": "S\n\n### Instruction:\nQ\n\n### Response:\nA\n\n### Instruction:\nR\n\n"
    "### Response:\n",
    "exaone": "[|system|]S[|endofturn|]\n[|user|]Q\n[|assistant|]A[|endofturn|]\n[|user|]R\n"
    "[|assistant|]",
}


@pytest.mark.parametrize("name", FORMATS)
def test_named_formats_write_the_marks_of_their_family(name):
    names = {"bos_token": "<s>", "eos_token": "</s>"}
    assert render(FORMATS[name].template, TURNS, names) == RENDERED[name]


def test_exaone_begins_with_an_empty_system_turn():
    found = render(FORMATS["exaone"].template, [("user", "Q")], {})
    assert found == "[|system|][|endofturn|]\n[|user|]Q\n[|assistant|]"


@pytest.mark.parametrize("turns", [[("assistant", "A")], [("user", "Q"), ("user", "R")]])
def test_mistral_turns_must_alternate(turns):
    with pytest.raises(EdgemedError, match="alternate"):
        try:
            render(FORMATS["mistral"].template, turns, {"bos_token": "", "eos_token": ""})
        except Exception as error:
            raise EdgemedError(str(error)) from error


@pytest.mark.parametrize("given", ["vicuna", "{}", "3"])
def test_a_format_that_is_not_known_is_refused_by_name(given):
    with pytest.raises(UsageError, match="chat_template"):
        parsed(TWO + f"chat_template: {given}")


def test_a_format_by_name_on_the_command_line(folder, capsys):
    words = ["merge", str(folder / "a.gguf"), str(folder / "b.gguf"), "--t", "0.5", "--dry-run"]
    assert main([*words, "-o", str(folder / "x.gguf"), "--chat-template", "llama3"]) == 0
    assert "<|eot_id|>" in capsys.readouterr().out
    assert main([*words, "-o", str(folder / "x.gguf"), "--chat-template", "none.jinja"]) == 2
    assert "chatml" in capsys.readouterr().err
