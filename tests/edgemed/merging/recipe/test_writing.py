"""Recipes written as files: read back they are the same, and schedules of t make what they say."""

from pathlib import Path

import numpy as np
import pytest

from edgemed.adapters.naming import Adapted, Use
from edgemed.errors import UsageError
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import Recipe, Slice, Source, between, of_models
from edgemed.merging.recipe.recipe_file import parse_recipe
from edgemed.merging.recipe.settings import Filter
from edgemed.merging.recipe.writing import recipe_yaml
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import read_tensors, weights, write_pair_member

A, B = Path("/models/a.gguf"), Path("/models/b.gguf")
BY_GROUP = (Filter("attn_", (0.25, 0.75)), Filter("ffn_", (0.5, 0.5)), Filter(None, 0.125))


def read_back(recipe: Recipe) -> Recipe:
    return parse_recipe(recipe_yaml(recipe), Path("/elsewhere"), "r.yml")


@pytest.mark.parametrize(
    "recipe",
    [
        between(A, B, BY_GROUP, out_type="Q4_K_M", chat_template="{{ messages }}\n", seed=3),
        between(A, B, BY_GROUP, "slerp", imatrix=(Path("/models/i.gguf"),)),
        between(Adapted(A, (Use(Path("/models/l.gguf"), 0.5), Use(Path("/models/f")))), B, 0.5),
        of_models((A, B), "ties", A, parameters={"density": 0.5, "weight": (0.0, 1.0)}),
        Recipe(
            "passthrough",
            tuple(Slice((Source(A, (n, n + 2)),), {"scale": 0.5}) for n in (0, 1)),
            tokenizer=str(A),
        ),
    ],
)
def test_a_written_recipe_reads_back_as_itself(recipe: Recipe) -> None:
    assert read_back(recipe) == recipe


def test_a_letter_becomes_the_model_that_it_stands_for() -> None:
    assert read_back(between(A, B, 0.5, tokenizer="B")).tokenizer == str(B)
    with pytest.raises(ValueError, match="no key"):
        recipe_yaml(between(A, B, 0.5, types=(("attn", "Q8_0"),)))


@pytest.mark.parametrize("t", [(0.5, 1.5), (Filter("attn", -0.1),), "half", (Filter(None, "b"),)])
def test_a_t_that_is_no_share_is_refused(t: object) -> None:
    with pytest.raises(UsageError, match=r"^t "):
        between(A, B, t)  # type: ignore[arg-type]


def test_a_t_by_group_mixes_each_tensor_by_its_own_t(tmp_path: Path) -> None:
    given = weights(1), weights(2)
    pair = [write_pair_member(tmp_path / f"{n}.gguf", w) for n, w in zip("ab", given, strict=True)]
    out = tmp_path / "out.gguf"
    run_plan(plan_merge(between(*pair, BY_GROUP, out_type="F32"), out, 1))
    made = read_tensors(out)
    a, b = (read_tensors(path) for path in pair)
    last = max(int(name.split(".")[1]) for name in made if name.startswith("blk."))
    wanted = {
        "blk.0.attn_q.weight": 0.25, f"blk.{last}.attn_q.weight": 0.75,
        "blk.0.attn_norm.weight": 0.25, f"blk.{last}.ffn_up.weight": 0.5,
        "token_embd.weight": 0.125, "output_norm.weight": 0.125,
    }  # fmt: skip
    assert last > 0 and set(wanted) <= set(made)
    for name, t in wanted.items():
        np.testing.assert_allclose(made[name], (1 - t) * a[name] + t * b[name], atol=1e-5)
