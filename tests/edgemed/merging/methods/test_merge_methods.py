"""Every method from file to file: quantized sources, any threads, chunks within a cap."""

from pathlib import Path

import numpy as np
import pytest

from edgemed.errors import EdgemedError, Refused
from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.plan import Plan, plan_merge
from edgemed.merging.plan.steps import state_bytes
from edgemed.merging.recipe.recipe import weighted
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import read_tensors, weights, write_pair_member
from tests.edgemed.streams import merged

GIVEN = {"weight": 0.5, "t": 0.4, "density": 0.6, "select_topk": 0.5, "rank": 2, "scale": 0.7}
CAP = 40_000_000


def relatives(folder: Path, kind: str) -> list[Path]:
    """A base and two models near it."""
    base = weights(0)
    near = [{k: v + 0.3 * (o[k] - v) for k, v in base.items()} for o in (weights(1), weights(2))]
    return [
        write_pair_member(folder / f"{name}.gguf", tensors, kind)
        for name, tensors in zip(("base", "a", "b"), (base, *near), strict=True)
    ]


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return relatives(tmp_path_factory.mktemp("q8"), "Q8_0")


def plan_of(method: str, files: list[Path], out: Path, threads: int = 1, cap: int = CAP) -> Plan:
    base, *models = files
    models = models[: METHODS[method].most or 2]
    given = {k: v for k, v in GIVEN.items() if k in METHODS[method].parameters}
    common = base if METHODS[method].base == "required" else None
    return plan_merge(weighted(models, method, common, None, given), out, threads, cap, True)


@pytest.mark.parametrize("method", METHODS)
def test_a_merge_of_files_is_the_method_on_their_rows(method, tmp_path):
    files = relatives(tmp_path, "F32")
    plan = plan_of(method, files, tmp_path / "out.gguf")
    run_plan(plan)
    found, tensors = read_tensors(tmp_path / "out.gguf"), [read_tensors(f) for f in files]
    step = next(s for s in plan.steps if s.name == "blk.1.attn_q.weight")
    models = [t[step.name] for t in tensors[1:][: METHODS[method].most or 2]]
    arrays = [tensors[0][step.name], *models] if step.based else models
    given = {k: v for k, v in GIVEN.items() if k in METHODS[method].parameters}
    expected = merged(method, arrays, at_once=1000, name=step.name, **given)
    np.testing.assert_array_equal(found[step.name], expected)


@pytest.mark.parametrize("method", METHODS)
def test_bytes_do_not_depend_on_threads_or_chunks(method, quantized, tmp_path):
    one, many = tmp_path / "one.gguf", tmp_path / "many.gguf"
    whole = plan_of(method, quantized, one)
    run_plan(whole)
    state = max(state_bytes(step) for step in whole.steps)
    small = plan_of(method, quantized, many, threads=3, cap=3 * (state + 20_000))
    assert small.buffers.chunk < whole.buffers.chunk
    run_plan(small)
    assert one.read_bytes() == many.read_bytes()


@pytest.mark.parametrize("method", ["ties", "dare_linear", "model_stock", "karcher"])
def test_rows_that_are_equal_in_all_sources_keep_their_bytes(method, tmp_path):
    base = weights(0)
    other, third = weights(1), weights(2)
    for tensors in (other, third):
        tensors["token_embd.weight"] = base["token_embd.weight"].copy()
        tensors["token_embd.weight"][5:9] += tensors["blk.0.attn_q.weight"][:4]
    files = [
        write_pair_member(tmp_path / f"{i}.gguf", t, "Q4_K")
        for i, t in enumerate((base, other, third))
    ]
    run_plan(plan_of(method, files, tmp_path / "out.gguf"))
    before, after = (
        read_tensors(p)["token_embd.weight"] for p in (files[0], tmp_path / "out.gguf")
    )
    same = [i for i in range(len(before)) if i not in range(5, 9)]
    np.testing.assert_array_equal(before[same], after[same])


@pytest.mark.parametrize("method", METHODS)
def test_infinity_in_a_source_is_an_error_that_names_the_tensor(method, tmp_path):
    files = relatives(tmp_path, "F32")
    broken = weights(1)
    broken["blk.1.attn_q.weight"][17, 3] = np.inf
    write_pair_member(files[1], broken)
    with pytest.raises(EdgemedError, match=r"blk\.1\.attn_q\.weight"), np.errstate(all="ignore"):
        run_plan(plan_of(method, files, tmp_path / "out.gguf"))
    assert not (tmp_path / "out.gguf").exists()


def test_what_a_method_keeps_of_a_tensor_counts_towards_the_cap(quantized, tmp_path):
    with pytest.raises(Refused, match="one row of the widest tensor") as refusal:
        plan_of("ties", quantized, tmp_path / "out.gguf", cap=1_000_000)
    least = int("".join(c for c in refusal.value.hint if c.isdigit()))
    plan = plan_of("ties", quantized, tmp_path / "out.gguf", cap=least)
    assert plan.buffers.nbytes <= least


def test_decouple_leaves_other_groups_as_the_base_has_them(quantized, tmp_path):
    plan = plan_of("decouple", quantized, tmp_path / "out.gguf")
    actions = {step.name: step.action for step in plan.steps}
    assert actions["blk.0.attn_q.weight"] == "blend"
    assert actions["blk.0.ffn_down.weight"] == actions["token_embd.weight"] == "copy"
