"""Weights that cancel are refused, or said to be what they are; no model of zeros is written."""

import pytest

from edgemed.cli.main import main
from edgemed.errors import UsageError
from edgemed.gguf import open_model
from edgemed.merging.methods.cancelling import cancel, some_cancel
from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe_file import parse_recipe
from tests.edgemed.whole_llamas import write_llama


@pytest.fixture
def three(tmp_path):
    return [str(write_llama(tmp_path / f"{n}.gguf", seed=n)) for n in range(3)]


def merge(models, tmp_path, method, *words, base=False):
    given = ["--base", models[0], *models[1:]] if base else models[:2]
    out = tmp_path / "out.gguf"
    return main(["merge", *given, "--method", method, "-o", str(out), *words])


BASED = [n for n, m in METHODS.items() if m.base == "required" and "weight" in m.parameters]
NORMALIZED = [n for n in BASED if "normalize" in METHODS[n].parameters]


@pytest.mark.parametrize("method", ["linear", "nuslerp", "multislerp", "karcher", *NORMALIZED])
@pytest.mark.parametrize("weights", [("1", "-1"), ("1", "-.9995")])
def test_weights_that_add_up_to_nothing_are_refused_before_any_work(
    method, weights, three, tmp_path, capsys
):
    based = METHODS[method].base == "required"
    words = ["--weight", *weights]
    words += ["--set", "normalize=true"] if method in NORMALIZED else []
    assert merge(three, tmp_path, method, *words, base=based) == 2
    said = capsys.readouterr().err
    assert "token_embd.weight: the weights" in said and "divided by" in said
    assert not (tmp_path / "out.gguf").exists()


@pytest.mark.parametrize("words", [["--weight", "0", "0"], ["--weight", "0", "0", "--set",
                                                            "normalize=false"]])  # fmt: skip
def test_a_model_of_zeros_is_refused(words, three, tmp_path):
    assert merge(three, tmp_path, "linear", *words) == 2
    assert not (tmp_path / "out.gguf").exists()


def test_a_difference_of_models_is_said_to_be_one(three, tmp_path, capsys):
    words = ["--weight", "1", "-1", "--set", "normalize=false"]
    assert merge(three, tmp_path, "linear", *words) == 0
    said = capsys.readouterr().err
    assert (
        "of 12 tensors add up to 0" in said and "the output is a difference of the models" in said
    )


@pytest.mark.parametrize("method", BASED)
@pytest.mark.parametrize("zero", ["weight", "lambda"])
def test_deltas_without_a_weight_give_the_base_and_say_so(method, zero, three, tmp_path, capsys):
    if zero == "lambda" and "lambda" not in METHODS[method].parameters:
        pytest.skip("has no lambda")
    if method == "orthogonal":
        pytest.skip("blends whatever the weights")
    words = ["--weight", *(("0", "0") if zero == "weight" else ("1", "1"))]
    words += ["--set", "lambda=0"] if zero == "lambda" else []
    words += ["--set", "density=.5"] if "density" in METHODS[method].parameters else []
    assert merge(three, tmp_path, method, *words, base=True) == 0
    assert "no model has a weight: the output is the base" in capsys.readouterr().err
    base, out = (open_model(p).tensors for p in (three[0], tmp_path / "out.gguf"))
    for name, tensor in base.items():
        assert contents(tensor) == contents(out[name])


def contents(tensor):
    return tensor.path.read_bytes()[tensor.offset :][: tensor.nbytes]


def test_weights_that_cancel_in_one_tensor_alone_name_it(three, tmp_path):
    text = f"""
merge_method: linear
models:
  - model: {three[0]}
    parameters: {{weight: 1}}
  - model: {three[1]}
    parameters:
      weight:
        - {{filter: ffn_down, value: -1}}
        - {{value: 1}}
"""
    with pytest.raises(UsageError, match=r"blk\.0\.ffn_down\.weight: the weights 1, -1"):
        plan_merge(parse_recipe(text, tmp_path, "r.yml"), tmp_path / "out.gguf", 1)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
def test_weights_that_are_no_numbers_are_refused(value, three, tmp_path, capsys):
    if value != "-inf":  # which argparse takes for an option
        with pytest.raises(SystemExit, match="2"):
            merge(three, tmp_path, "linear", "--weight", value, "1")
        assert "is not a finite number" in capsys.readouterr().err
    text = f"""
merge_method: task_arithmetic
base_model: {three[0]}
models:
  - model: {three[1]}
    parameters: {{weight: [1, .{value.lstrip("-")[:3]}]}}
"""
    if value == "1e400":
        text = text.replace(".1e4", "1.0e+400")
    with pytest.raises(UsageError):
        plan_merge(parse_recipe(text, tmp_path, "r.yml"), tmp_path / "out.gguf", 1)


def test_negative_weights_that_leave_something_are_fine(three, tmp_path):
    assert merge(three, tmp_path, "linear", "--weight", "1.5", "-.5") == 0


def test_sums_and_subsets():
    assert cancel([0.0, 0.0]) and cancel([1.0, -1.0]) and not cancel([1.5, -0.5])
    assert cancel([1.0, 1.0, -2.0]) and not cancel([1e-9, 1e-9])
    assert some_cancel([1.0, 1.0, -1.0]) and not cancel([1.0, 1.0, -1.0])
    assert not some_cancel([1.0, 0.0, 2.0]) and not some_cancel([-1.0, -1.0])
    assert some_cancel([1.0, 2.0, -3.0]) and not some_cancel([1.0, 2.0, -4.0])
