"""Adapters folded into models: held against float64, in every place where a model may stand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgemed_native.codecs import decode_rows

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.gguf_form import write_adapter
from edgemed.adapters.naming import Adapted, Use, parent_of, use_of
from edgemed.cli.main import main
from edgemed.errors import EdgemedError, Incompatible, InvalidFile, Refused, UsageError
from edgemed.gguf import open_model
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.folding import folding
from edgemed.merging.recipe.recipe import Recipe, between
from edgemed.merging.recipe.recipe_file import parse_recipe
from edgemed.merging.report import folded
from edgemed.merging.report.verify import verify
from edgemed.merging.run import chunk
from edgemed.merging.run.run import run_plan
from tests.edgemed import whole_llamas
from tests.edgemed.whole_llamas import write_llama

F32 = np.ndarray[Any, np.dtype[np.float32]]
TOUCHED = ("blk.0.attn_q.weight", "blk.0.ffn_down.weight", "output.weight")


def tensor_of(path: Path, name: str) -> F32:
    """The numbers of a tensor, f32[rows, row length]."""
    tensor = open_model(path).tensors[name]
    packed = np.fromfile(tensor.path, np.uint8, tensor.nbytes, offset=tensor.offset)
    out = np.empty((tensor.rows, tensor.row_length), np.float32)
    decode_rows(tensor.type.name, packed.reshape(tensor.rows, -1), out)
    return out


def pairs(seed: int, rank: int = 4, size: float = 0.1) -> dict[str, Pair]:
    """Thin matrices for three tensors of the tiny llama."""
    rng = np.random.default_rng(seed)
    found = {}
    for name in TOUCHED:
        length, rows = whole_llamas.SHAPES[name]
        a, b = rng.standard_normal((rank, length)), rng.standard_normal((rows, rank))
        found[name] = Pair((a * size).astype("f4"), (b * size).astype("f4"), 2.0)
    return found


def write(path: Path, found: Mapping[str, Pair], architecture: str = "llama") -> Path:
    write_adapter(path, Adapter(architecture, found))
    return path


def delta(found: Mapping[str, Pair], name: str) -> Any:
    """scale B A in float64, as the written file has it."""
    pair = found[name]
    return pair.scale * pair.b.astype("f8") @ pair.a.astype("f8")


def merged(recipe: Recipe, out: Path, threads: int = 2, max_ram: int | None = None) -> Path:
    run_plan(plan_merge(recipe, out, threads, max_ram, replace=True), load_check=False)
    return out


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_llama(tmp_path / "base.gguf")


def test_a_fold_adds_the_products_and_copies_the_rest(base: Path, tmp_path: Path) -> None:
    found = pairs(1)
    use = Use(write(tmp_path / "a.gguf", found), 0.5)
    out = merged(folding(base, [use]), tmp_path / "out.gguf")
    for name in whole_llamas.SHAPES:
        before, after = tensor_of(base, name), tensor_of(out, name)
        if name not in TOUCHED:
            assert after.tobytes() == before.tobytes()
            continue
        wanted = before.astype("f8") + 0.5 * delta(found, name)
        assert np.abs(after - wanted).max() <= 1e-6 * before.std()
        assert np.abs(after - before).max() > 1e-3


def test_two_adapters_add_up(base: Path, tmp_path: Path) -> None:
    one, two = pairs(1), pairs(2, rank=3)
    uses = [Use(write(tmp_path / "a.gguf", one)), Use(write(tmp_path / "b.gguf", two), -2.0)]
    out = merged(folding(base, uses), tmp_path / "out.gguf")
    for name in TOUCHED:
        wanted = tensor_of(base, name) + delta(one, name) - 2.0 * delta(two, name)
        assert np.abs(tensor_of(out, name) - wanted).max() <= 1e-6 * tensor_of(base, name).std()


def test_a_fold_of_strength_0_copies_every_byte(base: Path, tmp_path: Path) -> None:
    use = Use(write(tmp_path / "a.gguf", pairs(1)), 0.0)
    plan = plan_merge(folding(base, [use]), tmp_path / "out.gguf", 1)
    assert {step.action for step in plan.steps} == {"copy"}
    run_plan(plan, load_check=False)
    for name in whole_llamas.SHAPES:
        assert tensor_of(plan.out, name).tobytes() == tensor_of(base, name).tobytes()


@pytest.mark.parametrize("type", ["F32", "Q8_0"])
def test_threads_and_chunks_change_no_byte(type: str, base: Path, tmp_path: Path) -> None:
    recipe = folding(base, [Use(write(tmp_path / "a.gguf", pairs(1)))])
    recipe = Recipe("passthrough", recipe.slices, out_type=type)
    one = merged(recipe, tmp_path / "one.gguf", threads=1).read_bytes()
    small = plan_merge(recipe, tmp_path / "b.gguf", 1, 6000)
    assert small.buffers.chunk < whole_llamas.WIDTH * whole_llamas.INNER
    run_plan(small, load_check=False)
    assert small.out.read_bytes() == one
    assert merged(recipe, tmp_path / "two.gguf", threads=2).read_bytes() == one


def test_rows_are_kept_under_the_cap_or_it_is_refused(base: Path, tmp_path: Path) -> None:
    recipe = folding(base, [Use(write(tmp_path / "a.gguf", pairs(1, rank=32)))])
    plan = plan_merge(recipe, tmp_path / "o.gguf", 1, 60_000)
    factors = 16 * 32 * whole_llamas.INNER  # R of the widest, and as it is decoded
    assert factors < plan.buffers.nbytes <= 60_000
    with pytest.raises(Refused, match="one row of the widest tensor"):
        plan_merge(recipe, tmp_path / "o.gguf", 1, factors)


def test_adapted_models_are_parents_of_any_method(base: Path, tmp_path: Path) -> None:
    one, two = pairs(1), pairs(2)
    parents = [
        Adapted(base, (Use(write(tmp_path / f"{n}.gguf", p)),)) for n, p in enumerate((one, two))
    ]
    out = merged(between(*parents, 0.25), tmp_path / "out.gguf")
    for name in TOUCHED:
        wanted = tensor_of(base, name) + 0.75 * delta(one, name) + 0.25 * delta(two, name)
        assert np.abs(tensor_of(out, name) - wanted).max() <= 2e-6 * tensor_of(base, name).std()
    untouched = set(whole_llamas.SHAPES) - set(TOUCHED)
    for name in untouched:
        assert tensor_of(out, name).tobytes() == tensor_of(base, name).tobytes()


def test_task_arithmetic_on_a_base_and_two_adapters(base: Path, tmp_path: Path) -> None:
    one, two = pairs(1), pairs(2)
    for name, found in (("a", one), ("b", two)):
        write(tmp_path / f"{name}.gguf", found)
    text = """
merge_method: task_arithmetic
base_model: base.gguf
models:
  - {model: base.gguf+a.gguf, parameters: {weight: 1.0}}
  - {model: {model: base.gguf, lora: {path: b.gguf}}, parameters: {weight: 0.5}}
parameters: {normalize: false}
"""
    recipe = parse_recipe(text, tmp_path, "r.yml")
    out = merged(recipe, tmp_path / "out.gguf")
    for name in TOUCHED:
        wanted = tensor_of(base, name) + delta(one, name) + 0.5 * delta(two, name)
        assert np.abs(tensor_of(out, name) - wanted).max() <= 3e-6 * tensor_of(base, name).std()


@pytest.mark.parametrize(
    "text",
    [
        "base.gguf+a.gguf:0.5",
        "{model: base.gguf, lora: a.gguf:0.5}",
        "{model: base.gguf, lora_path: 'a.gguf:0.5'}",
        "{model: {path: base.gguf}, lora: {path: 'a.gguf:0.5'}}",
        "{model: base.gguf, lora: ['a.gguf:0.5']}",
    ],
)
def test_recipes_name_adapters_as_mergekit_does(text: str, tmp_path: Path) -> None:
    recipe = parse_recipe(
        f"merge_method: passthrough\nmodels: [{{model: {text}}}]\n", tmp_path, "r.yml"
    )
    wanted = Adapted(tmp_path / "base.gguf", (Use(tmp_path / "a.gguf", 0.5),))
    assert recipe.models == (wanted,)


def test_names_of_models_with_a_plus_are_names(tmp_path: Path) -> None:
    assert parent_of("C++/model.gguf") == Path("C++/model.gguf")
    assert parent_of("a.gguf+b.gguf+c:2") == Adapted(
        Path("a.gguf"), (Use(Path("b.gguf")), Use(Path("c"), 2.0))
    )
    odd = tmp_path / "a.gguf+b.gguf"
    odd.touch()
    assert parent_of(str(odd)) == odd
    assert use_of("C:/x/lora") == Use(Path("C:/x/lora"))
    with pytest.raises(UsageError, match="without an adapter"):
        parent_of("a.gguf+b++c")


def test_a_fold_says_what_it_was_made_of_and_is_verified(base: Path, tmp_path: Path) -> None:
    uses = [Use(write(tmp_path / f"{n}.gguf", pairs(n)), 0.5) for n in (1, 2)]
    out = merged(folding(base, uses), tmp_path / "out.gguf")
    meta = open_model(out).metadata
    assert meta["edgemed.merge.inputs"] == ["base.gguf", "1.gguf", "2.gguf"]
    assert meta["edgemed.merge.files"] == ["base.gguf", "1.gguf", "2.gguf"]
    recipe = json.loads(meta["edgemed.merge.recipe"])
    (source,) = recipe["slices"][0]["sources"]
    assert source["model"] == {
        "model": "base.gguf",
        "adapters": [["1.gguf", 0.5], ["2.gguf", 0.5]],
    }
    assert verify(out, None, 2).state == "same"
    write(uses[1].path, pairs(3))
    answer = verify(out, None, 2)
    assert answer.state == "different" and "2.gguf" in answer.lines[0]


def test_a_sharing_parent_is_hashed_once(base: Path, tmp_path: Path) -> None:
    parents = [Adapted(base, (Use(write(tmp_path / f"{n}.gguf", pairs(n))),)) for n in (1, 2)]
    out = merged(between(*parents, 0.5), tmp_path / "out.gguf")
    assert open_model(out).metadata["edgemed.merge.files"] == ["base.gguf", "1.gguf", "2.gguf"]
    assert verify(out, None, 2).state == "same"


@pytest.mark.parametrize(
    "change, architecture, error, why",
    [
        ({"blk.7.attn_q.weight": "blk.0.attn_q.weight"}, "llama", Incompatible, "does not have"),
        ({"blk.0.attn_k.weight": "blk.0.attn_q.weight"}, "llama", Incompatible, "32 x 32"),
        ({}, "qwen2", Incompatible, "is for qwen2 models"),
    ],
)
def test_adapters_of_other_models_are_refused(
    change: dict[str, str], architecture: str, error: type, why: str, base: Path, tmp_path: Path
) -> None:
    found = pairs(1)
    found |= {name: found[like] for name, like in change.items()}
    use = Use(write(tmp_path / "a.gguf", found, architecture))
    with pytest.raises(error, match=why):
        plan_merge(folding(base, [use]), tmp_path / "o.gguf", 1)


def test_adapters_that_are_no_numbers_are_refused(base: Path, tmp_path: Path) -> None:
    found = pairs(1)
    found["output.weight"].b[60, 1] = np.nan
    use = Use(write(tmp_path / "a.gguf", found))
    with pytest.raises(InvalidFile, match=r"row 60 of output.weight.lora_b"):
        plan_merge(folding(base, [use]), tmp_path / "o.gguf", 1)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(write(tmp_path / "b.gguf", pairs(1)).read_bytes()[:-100])
    with pytest.raises(InvalidFile, match="missing"):
        plan_merge(folding(base, [Use(cut)]), tmp_path / "o.gguf", 1)


@pytest.mark.parametrize("name", ["adapter_model.bin", "a.pt", "a.pth"])
def test_pickles_are_never_opened(name: str, base: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(Refused, match="pickle"):
        plan_merge(folding(base, [Use(tmp_path / name)]), tmp_path / "o.gguf", 1)


def test_the_adapter_may_not_be_the_output(base: Path, tmp_path: Path) -> None:
    use = Use(write(tmp_path / "a.gguf", pairs(1)))
    with pytest.raises(EdgemedError):
        plan_merge(folding(base, [use]), use.path, 1, replace=True)


def test_what_rounding_leaves_is_measured(base: Path, tmp_path: Path) -> None:
    faint = Use(write(tmp_path / "faint.gguf", pairs(1, size=0.002)))
    found = folding(base, [faint])
    for out_type, said in (("Q4_0", "is lost in the rounding"), ("F32", "is kept")):
        recipe = Recipe("passthrough", found.slices, out_type="Q4_0")
        out = merged(recipe, tmp_path / "round.gguf")
        recipe = Recipe("passthrough", folding(out, [faint]).slices, out_type=out_type)
        measures = folded.measure_fold(plan_merge(recipe, tmp_path / "x.gguf", 1))
        assert {m.name for m in measures} == set(TOUCHED)
        assert said in folded.summary(measures)[0]
    assert all(m.rounding < 1e-6 for m in measures)


def test_the_command_folds_and_tells(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter, out = str(write(tmp_path / "a.gguf", pairs(1))), tmp_path / "out.gguf"
    assert main(["fold", str(base), f"{adapter}:0.5", "-o", str(out)]) == 0
    said = capsys.readouterr()
    assert "The adapter is kept" in said.err and "blk.0.attn_q.weight" in said.out
    assert main(["fold", str(base), adapter, "-o", str(tmp_path / "two.gguf"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["tensors"]
    assert {t["name"] for t in found} == set(TOUCHED)
    three = tmp_path / "three.gguf"
    words = ["merge", f"{base}+{adapter}:0.5", "--method", "passthrough", "-o", str(three)]
    assert main(words) == 0
    assert three.read_bytes() == out.read_bytes()


def test_adapters_of_embeddings_follow_the_vocabulary(base: Path, tmp_path: Path) -> None:
    """The other model has two tokens more, in front; a row that one lacks is the other's."""

    def more(metadata: Any, weights: Any) -> None:
        for key, new in (
            ("tokens", ["<a>", "<b>"]),
            ("scores", [0.0, 0.0]),
            ("token_type", [4, 4]),
        ):
            kind, values = metadata[f"tokenizer.ggml.{key}"]
            metadata[f"tokenizer.ggml.{key}"] = (kind, [*values, *new])
        for seed, name in enumerate(("token_embd.weight", "output.weight")):
            weights[name] = whole_llamas.floats((whole_llamas.WIDTH, whole_llamas.WORDS + 2), seed)

    larger = write_llama(tmp_path / "larger.gguf", more, seed=2)
    rng, found = np.random.default_rng(4), pairs(1)
    a, b = rng.standard_normal((2, whole_llamas.WIDTH)), rng.standard_normal((64, 2))
    found["token_embd.weight"] = Pair(a.astype("f4"), b.astype("f4"), 0.1)
    use = Use(write(tmp_path / "a.gguf", found))
    recipe = between(Adapted(base, (use,)), larger, 0.5, tokenizer="B")
    out = merged(recipe, tmp_path / "out.gguf")
    for name in ("token_embd.weight", "output.weight"):
        theirs, ours = tensor_of(larger, name), tensor_of(base, name) + delta(found, name)
        wanted = np.concatenate([(ours + theirs[:64]) / 2, theirs[64:]])
        assert np.abs(tensor_of(out, name) - wanted).max() <= 2e-6 * theirs.std(), name


def test_a_fold_that_was_stopped_goes_on_to_the_same_bytes(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = folding(base, [Use(write(tmp_path / "a.gguf", pairs(1)))])
    whole = merged(recipe, tmp_path / "whole.gguf").read_bytes()
    plan = plan_merge(recipe, tmp_path / "out.gguf", 1)
    encode, left = chunk.encode_rows, [2]

    def stop(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        encode(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(chunk, "encode_rows", stop)
        run_plan(plan, resume=True, load_check=False)
    assert not plan.out.exists()
    run_plan(plan, resume=True, load_check=False)
    assert plan.out.read_bytes() == whole
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(chunk, "encode_rows", stop)
        again = plan_merge(recipe, tmp_path / "other.gguf", 1)
        run_plan(again, resume=True, load_check=False)
    write(tmp_path / "a.gguf", pairs(1, size=0.2))
    with pytest.raises(Refused, match=r"a\.gguf: their bytes have changed"):
        run_plan(plan_merge(recipe, again.out, 1), resume=True, load_check=False)
