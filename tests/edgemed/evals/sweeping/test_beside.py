"""Rows beside a sweep: what they are made of, who asks them, and a change by chance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edgemed_models.scale import path_of

from edgemed.adapters.naming import Adapted, Use
from edgemed.errors import UsageError
from edgemed.evals.sweeping import point as rows
from edgemed.evals.sweeping.beside import control, out_type_of
from edgemed.evals.sweeping.budget import Clock
from edgemed.evals.sweeping.page import page
from edgemed.evals.sweeping.point import ByRecipe, make, refuse_same_names, row_of
from edgemed.evals.sweeping.report import as_data, rows_beside
from edgemed.evals.sweeping.sweep import NAMES, Silent, Way
from edgemed.evals.sweeping.task_rounds import sweep_tasks
from edgemed.evals.sweeping.task_sweep import TaskSweep
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options
from edgemed.merging.recipe.settings import Filter
from tests.edgemed.evals.sweeping.test_task_sweep import World, last, plan, world

__all__ = ["plan", "world"]  # fixtures

WAY = Way(path_of("clinical"), path_of("instruct"))
A, B = path_of("clinical"), path_of("instruct")


@pytest.fixture
def made(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rows that were made; each answers as t = 0.5 does."""
    names: list[str] = []

    def fake(row: ByRecipe, merged: Path, options: Options, note: object) -> None:
        names.append(row.name)
        merged.write_text("0.5", "utf-8")
        world.now += 1

    monkeypatch.setattr(rows, "make", fake)
    return names


def test_a_row_is_a_recipe_a_model_or_a_model_with_adapters(tmp_path: Path) -> None:
    recipe = tmp_path / "ties.yml"
    recipe.write_text(
        f"merge_method: slerp\nbase_model: {A}\nmodels:\n- model: {A}\n- model: {B}\n"
        "parameters: {t: 0.3}\n"
    )
    found = row_of(str(recipe))
    assert (found.name, found.recipe.method) == ("ties", "slerp")
    assert row_of(str(B)).recipe.models == (B,)
    (tuned,) = row_of(f"{B}+shots.gguf:0.5").recipe.models
    assert tuned == Adapted(B, (Use(Path("shots.gguf"), 0.5),))
    with pytest.raises(UsageError, match="two recipes or models of the sweep are called"):
        refuse_same_names([row_of(str(B)), row_of(str(B))])


def test_rows_answer_the_test_alone_and_are_not_asked_twice(
    plan: TaskSweep, world: World, made: list[str]
) -> None:
    more = replace(plan, beside=(row_of(str(B)),))
    found = last(sweep_tasks(more, Clock(None, 0.0), Silent()))
    assert made == [B.name] and found.choice is not None
    assert B.name not in {part.points for part in found.rounds}
    assert len(world.asked) == 2 * 24 * (5 + 3 + 1)
    outcomes = found.beside[B.name]
    assert set(outcomes) == {"mts-dialog", "output-forms"}
    assert all(len(each) == 24 for each in outcomes.values())
    told = {(r["task"], r["measure"]): r for r in rows_beside(more, found)}
    assert told["mts-dialog", "rougeL"]["items"] == 24
    if found.choice.point == 0.5:
        assert all(row["difference"] == 0 and row["p"] == 1 for row in told.values())
    world.asked.clear()
    again = last(sweep_tasks(more, Clock(None, 0.0), Silent()))
    assert not world.asked and again.beside == found.beside and made == [B.name]


def test_the_page_shows_them_on_every_measure(
    plan: TaskSweep, world: World, made: list[str]
) -> None:
    more = replace(plan, beside=(row_of(str(B)),))
    found = last(sweep_tasks(more, Clock(None, 0.0), Silent()))
    text = page(as_data(more, found, Clock(None, 0.0), ""), "edgemed sweep")
    assert "Beside the merge" in text and text.count(f"<td>{B.name}</td>") == 4
    without = last(sweep_tasks(plan, Clock(None, 0.0), Silent()))
    assert "Beside the merge" not in page(as_data(plan, without, Clock(None, 0.0), ""), "x")


def test_a_change_by_chance_is_as_large_as_what_the_merge_takes_from_the_first(
    tmp_path: Path,
) -> None:
    out = tmp_path / "control.gguf"
    row = control(WAY, 0.75, 5, out, 1)
    written = out.read_bytes()
    assert (
        control(WAY, 0.25, 5, out, 1).recipe != row.recipe and out.read_bytes() == written
    )  # made once
    target = tmp_path / "made.gguf"
    make(replace(row, recipe=replace(row.recipe, out_type="F32")), target, Options(threads=1),
         lambda text: None)  # fmt: skip
    name = "blk.1.ffn_up.weight"
    ours, a, b = (weights(path, name) for path in (target, A, B))
    change, wanted = np.linalg.norm(ours - b), 0.25 * np.linalg.norm(a - b)
    assert change == pytest.approx(wanted, rel=0.02)
    assert abs(np.vdot(ours - b, a - b)) < 0.2 * change * np.linalg.norm(a - b)  # it is chance


def test_where_t_differs_by_group_so_does_the_change_by_chance(tmp_path: Path) -> None:
    by_group = (Filter("attn_", (0.25, 0.25)), Filter(None, 1.0))
    row = control(WAY, by_group, 5, tmp_path / "control.gguf", 1)
    target = tmp_path / "made.gguf"
    make(replace(row, recipe=replace(row.recipe, out_type="F32")), target, Options(threads=1),
         lambda text: None)  # fmt: skip
    for name, share in (("blk.1.attn_q.weight", 0.75), ("blk.1.ffn_up.weight", 0.0)):
        ours, a, b = (weights(path, name) for path in (target, A, B))
        wanted = share * np.linalg.norm(a - b)
        assert np.linalg.norm(ours - b) == pytest.approx(wanted, rel=0.02)


def test_the_change_by_chance_has_the_types_of_the_merges(tmp_path: Path) -> None:
    """A parent of coarse types would round the change away, and the row would be the parent."""
    assert control(WAY, 0.5, 5, tmp_path / "c.gguf", 1).recipe.out_type == out_type_of(WAY)
    assert out_type_of(WAY) == NAMES[int(open_model(A).metadata["general.file_type"])]
    assert out_type_of(replace(WAY, changes={"out_type": "Q4_K_M"})) == "Q4_K_M"


def weights(path: Path, name: str) -> np.ndarray:
    from gguf import GGUFReader, dequantize

    (tensor,) = (t for t in GGUFReader(path).tensors if t.name == name)
    assert open_model(path)
    return np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float64)
