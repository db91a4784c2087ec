"""Files of several recipes: which goes first, what is refused before any work, what comes out."""

from pathlib import Path

import numpy as np
import pytest

from edgemed.cli.main import main
from edgemed.errors import UsageError
from edgemed.merging.recipe.recipe_file import read_recipe
from edgemed.merging.recipe.stages import read_stages
from tests.edgemed.merge_pairs import read_tensors, weights, write_pair_member

THREE = """
---
# second in order, first in the file
name: far
merge_method: slerp
base_model: near
models: [{model: c.gguf}]
parameters: {t: 5e-1}
---
name: near
merge_method: linear
models: [{model: a.gguf}, {model: b.gguf}]
parameters: {weight: 0.5}
---
merge_method: task_arithmetic
base_model: base.gguf
models:
  - {model: far, parameters: {weight: 0.5}}
  - {model: {path: near}, parameters: {weight: 0.25}}
---
"""

ONE = "merge_method: linear\nmodels: [{model: %s}]\nparameters: {weight: 1}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(("base", "a", "b", "c")):
        write_pair_member(tmp_path / f"{name}.gguf", weights(seed))
    (tmp_path / "between").mkdir()
    (tmp_path / "r.yml").write_text(THREE)
    return tmp_path


def merge(folder: Path, *words: str) -> int:
    places = ["-o", str(folder / "out.gguf"), "--intermediate-dir", str(folder / "between")]
    return main(["merge", str(folder / "r.yml"), *places, *words])


def test_each_recipe_merges_what_those_before_it_made(folder):
    assert merge(folder) == 0
    base, a, b, c, near, far, out = (
        read_tensors(folder / f"{name}.gguf")["blk.0.attn_norm.weight"].astype(float)
        for name in ("base", "a", "b", "c", "between/near", "between/far", "out")
    )
    np.testing.assert_allclose(near, (a + b) / 2, atol=1e-6)
    np.testing.assert_allclose(far, (near + c) / 2, atol=1e-6)
    np.testing.assert_allclose(out, base + 0.5 * (far - base) + 0.25 * (near - base), atol=1e-6)
    assert sorted(p.name for p in (folder / "between").iterdir()) == ["far.gguf", "near.gguf"]


def test_options_about_the_output_are_about_the_last_one(folder):
    assert merge(folder, "--out-type", "Q8_0", "--split-max-size", "250K") == 0
    assert list(folder.glob("out-00001-of-*.gguf"))
    sizes = [(folder / "between" / f"{n}.gguf").stat().st_size for n in ("near", "far")]
    assert min(sizes) > 1_500_000


def test_a_dry_run_plans_all_recipes_and_writes_nothing(folder, capsys):
    assert merge(folder, "--dry-run") == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.startswith("recipe ")] == [
        f"recipe 1 of 3: {folder / 'between/near.gguf'}",
        f"recipe 2 of 3: {folder / 'between/far.gguf'}",
        f"recipe 3 of 3: {folder / 'out.gguf'}",
    ]
    assert not list((folder / "between").iterdir()) and not (folder / "out.gguf").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [("base.gguf", "none.gguf"), ("weight: 0.25", "weight: [{filter: atn, value: 1}]")],
)
def test_what_the_last_recipe_has_wrong_is_refused_before_the_first_is_run(folder, old, new):
    (folder / "r.yml").write_text(THREE.replace(old, new))
    assert merge(folder) in (2, 3)
    assert not list((folder / "between").iterdir())


def test_an_output_that_stands_already_is_refused_before_the_first_is_run(folder):
    (folder / "between/far.gguf").write_bytes(b"mine")
    assert merge(folder) == 3
    assert [p.name for p in (folder / "between").iterdir()] == ["far.gguf"]
    assert merge(folder, "--force") == 0


def test_recipes_that_were_stopped_between_two_are_gone_on_with(folder, capsys):
    assert merge(folder) == 0
    whole = (folder / "out.gguf").read_bytes()
    near = (folder / "between/near.gguf").stat().st_mtime_ns
    for left in (["near"], ["near", "far"]):
        for path in (folder / "out.gguf", *(folder / "between").iterdir()):
            if path.stem not in left:
                path.unlink()
        assert merge(folder) == 3  # without --resume nothing is taken over
        assert merge(folder, "--resume") == 0
        assert (folder / "out.gguf").read_bytes() == whole
        assert (folder / "between/near.gguf").stat().st_mtime_ns == near
    assert "made from the same bytes: kept" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["input", "recipe", "output", "cut"])
def test_an_output_of_other_bytes_is_not_gone_on_with(folder, change, capsys):
    assert merge(folder) == 0
    (folder / "out.gguf").unlink()
    (folder / "between/far.gguf").unlink()
    if change == "input":
        for path in folder.glob("*.gguf"):
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)
    elif change == "recipe":
        text = (folder / "r.yml").read_text()
        (folder / "r.yml").write_text(text.replace("{weight: 0.5}", "{weight: 0.75}"))
    else:
        near = folder / "between/near.gguf"
        near.write_bytes(b"mine" + near.read_bytes()[4:] if change == "output" else b"")
    before = (folder / "between/near.gguf").read_bytes()
    assert merge(folder, "--resume") == 3
    assert "exists already" in capsys.readouterr().err
    assert (folder / "between/near.gguf").read_bytes() == before
    assert not (folder / "out.gguf").exists()


def test_without_a_folder_for_the_outputs_between_it_is_a_usage_error(folder, capsys):
    assert main(["merge", str(folder / "r.yml"), "-o", str(folder / "out.gguf")]) == 2
    assert "--intermediate-dir" in capsys.readouterr().err


def test_a_folder_between_is_refused_where_nothing_lies_between_or_no_folder_can_be(folder, capsys):
    text = "merge_method: linear\nmodels: [{model: a.gguf}, {model: b.gguf}]\n"
    (folder / "one.yml").write_text(text)
    for recipe, between, said in (
        ("one.yml", "between", "several recipes"),
        ("r.yml", "x" * 5000, "no file can have this name"),
    ):
        words = ["merge", str(folder / recipe), "-o", str(folder / "out.gguf")]
        assert main([*words, "--intermediate-dir", str(folder / between)]) == 2
        assert said in capsys.readouterr().err
    assert not (folder / "out.gguf").exists()


def test_where_all_have_names_the_one_that_no_other_uses_is_the_output(folder):
    text = THREE.replace(
        "merge_method: task_arithmetic", "name: end\nmerge_method: task_arithmetic"
    )
    (folder / "r.yml").write_text(text)
    assert [stage.name for stage in read_stages(folder / "r.yml")] == ["near", "far", "end"]
    assert merge(folder) == 0
    assert not (folder / "between/end.gguf").exists()


WRONG = {
    "circle": f"name: x\n{ONE % 'y'}---\nname: y\n{ONE % 'x'}---\n{ONE % 'x'}",
    "two without": f"{ONE % 'a.gguf'}---\n{ONE % 'b.gguf'}",
    "two of one name": f"name: x\n{ONE % 'a.gguf'}---\nname: x\n{ONE % 'a.gguf'}",
    "two ends": f"name: x\n{ONE % 'a.gguf'}---\nname: y\n{ONE % 'a.gguf'}",
    "a path": f"name: ../x\n{ONE % 'a.gguf'}---\n{ONE % '../x'}",
    "a list": f"name: [x]\n{ONE % 'a.gguf'}---\n{ONE % 'x'}",
    "not a recipe": f"{ONE % 'a.gguf'}---\njust words",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_recipes_that_cannot_follow_one_another_are_refused(text, tmp_path):
    (tmp_path / "r.yml").write_text(text)
    with pytest.raises(UsageError) as error:
        read_stages(tmp_path / "r.yml")
    assert error.value.hint


def test_what_takes_one_recipe_says_so(folder):
    with pytest.raises(UsageError, match="3 recipes"):
        read_recipe(folder / "r.yml")


def test_recipe_show_prints_them_in_order(folder, capsys):
    assert main(["recipe", "show", str(folder / "r.yml")]) == 0
    said = capsys.readouterr().out
    assert said.index("name: near") < said.index("name: far") < said.index("task_arithmetic")
