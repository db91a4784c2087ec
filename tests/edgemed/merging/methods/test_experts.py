"""Experts that share a tensor are merged each by itself, as a checkpoint's own tensors would be."""

from pathlib import Path

import numpy as np
import pytest

from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.plan.steps import state_bytes
from edgemed.merging.recipe.recipe import weighted
from edgemed.merging.run.estimate import chunks
from edgemed.merging.run.jobs import by_matrix
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import TOKENS, WIDTH, read_tensors, weights, write_pair_member
from tests.edgemed.merging.methods.test_merge_methods import GIVEN
from tests.edgemed.streams import merged

NAME = "blk.1.ffn_down_exps.weight"
COUNT, ROWS = 3, 20


def relatives(folder: Path) -> list[Path]:
    """A base and two models near it; the experts' changes are of very different size."""
    files, sizes = [], np.array([0.01, 0.3, 3.0])[:, None, None]
    base = weights(0) | {NAME: np.random.default_rng(9).normal(0, 0.05, (COUNT, ROWS, WIDTH))}
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 0.05, (COUNT, ROWS, WIDTH))
        tensors = base | {NAME: (base[NAME] + (seed > 0) * sizes * noise).astype(np.float32)}
        files.append(write_pair_member(folder / f"{seed}.gguf", tensors))
    return files


@pytest.mark.parametrize("method", METHODS)
def test_an_expert_is_a_tensor_of_its_own(method, tmp_path):
    base, *models = relatives(tmp_path)
    models = models[: METHODS[method].most or 2]
    given = {k: v for k, v in GIVEN.items() if k in METHODS[method].parameters}
    given |= {"keep": "ffn"} if method == "decouple" else {}
    common = base if METHODS[method].base == "required" else None
    recipe = weighted(models, method, common, None, given)
    usual = plan_merge(recipe, tmp_path / "out.gguf", 1)
    state = max(state_bytes(step) for step in usual.steps)
    plan = plan_merge(recipe, tmp_path / "out.gguf", 2, 2 * (state + 70_000))
    run_plan(plan)
    found = read_tensors(tmp_path / "out.gguf")[NAME]
    tensors = [read_tensors(path)[NAME] for path in (base, *models)]
    tensors = tensors if common is not None else tensors[1:]
    for i in range(COUNT):
        own = [t[i] for t in tensors]
        expected = merged(method, own, at_once=1000, name=f"{NAME}[{i}]", **given)
        np.testing.assert_array_equal(found[i], expected)


def test_runs_of_rows_end_where_an_expert_ends(tmp_path):
    base = relatives(tmp_path)[0]
    plan = plan_merge(weighted([base], "passthrough", None, None, {}), tmp_path / "out.gguf", 1)
    steps = {step.name: step for step in plan.steps}
    assert list(by_matrix([(0, 60)], steps[NAME])) == [(0, 20), (20, 20), (40, 20)]
    assert list(by_matrix([(3, 4), (15, 30)], steps[NAME])) == [(3, 4), (15, 5), (20, 20), (40, 5)]
    assert list(by_matrix([(0, len(TOKENS))], steps["token_embd.weight"])) == [(0, len(TOKENS))]
    assert [chunks(plan, steps[name]) for name in (NAME, "token_embd.weight")] == [3, 1]
