"""edgemed from Python: the examples in its docstrings, and every function on real small files."""

import doctest
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from edgemed_models.scale import path_of

import edgemed
from edgemed import api
from edgemed.cli.main import main
from edgemed.evals.cases import read_cases
from edgemed.local_models.loading import Options
from edgemed.merging.demo_model import merged_model
from tests.edgemed.merge_pairs import weights, write_pair_member

SMALL = Options(context=1024, threads=1)
NOTE = "Admitted with heart failure. Furosemide 40 mg daily. Discharged home after three days."


def test_the_examples_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder that the module's docstring describes; every function has one."""
    monkeypatch.chdir(tmp_path)
    for name in ("clinical", "instruct"):
        Path(f"{name}.gguf").symlink_to(path_of(name))
    row = {"axis": "short", "prompt": "Say one word.", "expect": {"words-at-most": 50}}
    Path("cases.jsonl").write_text(json.dumps(row) + "\n")
    made = ["extract", "instruct.gguf", "clinical.gguf", "--rank", "1", "--without-vectors"]
    assert main([*made, "-o", "letters.gguf"]) == 0
    found = {test.name.rpartition(".")[2]: test for test in doctest.DocTestFinder().find(api)}
    functions = {name for name, kind in inspect.getmembers(api, inspect.isfunction)
                 if kind.__module__ == api.__name__ and name[0] != "_"}  # fmt: skip
    assert {name for name in functions if not found[name].examples} == set()
    tried = doctest.testmod(api)
    assert tried.attempted > len(functions)
    assert not tried.failed


def test_importing_loads_nothing_else() -> None:
    script = "import sys, edgemed; print([m for m in sys.modules if m[:8] == 'edgemed.'])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_name_is_there() -> None:
    assert all(getattr(edgemed, name) is not None for name in edgemed.__all__)


def test_the_module_is_the_command_line() -> None:
    command = [sys.executable, "-m", "edgemed", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"edgemed {edgemed.__version__}"


def test_a_recipe_file_and_parameters_give_the_same_bytes(
    tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    a, b = pair
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(
        f"merge_method: linear\nmodels:\n- model: {a}\n  parameters: {{weight: 0.75}}\n"
        f"- model: {b}\n  parameters: {{weight: 0.25}}\n"
    )
    edgemed.merge(recipe=recipe, out=tmp_path / "recipe.gguf", max_ram="64M")
    edgemed.merge(a, b, weight=(0.75, 0.25), out=tmp_path / "weights.gguf")
    one, other = (edgemed.open_model(tmp_path / f"{n}.gguf") for n in ("recipe", "weights"))
    assert tensors(one) == tensors(other)


def tensors(model: edgemed.gguf.Model) -> dict[str, bytes]:
    whole = model.paths[0].read_bytes()
    return {n: whole[t.offset : t.offset + t.nbytes] for n, t in model.tensors.items()}


def test_a_method_with_its_base_and_parameters(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    out = tmp_path / "ties.gguf"
    done = edgemed.merge(
        pair[1], base=pair[0], method="ties", weight=[1.0], parameters={"density": 0.5}, out=out
    )
    assert done.out == out
    assert json.loads(edgemed.open_model(out).metadata["edgemed.merge.recipe"])["merge_method"] == (
        "ties"
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"t": 0.5, "weight": [1, 2]},
        {"t": 0.5, "recipe": "recipe.yml"},
        {"t": 0.5, "method": "average"},
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, pair: tuple[Path, Path], asked: dict[str, object]
) -> None:
    with pytest.raises(edgemed.EdgemedError):
        edgemed.merge(*pair, out=tmp_path / "out.gguf", **asked)
    assert not (tmp_path / "out.gguf").exists()


def test_one_model_cannot_be_checked_alone(pair: tuple[Path, Path]) -> None:
    with pytest.raises(edgemed.EdgemedError, match="at least two"):
        edgemed.check(pair[0])


def test_quantize(tmp_path: Path) -> None:
    out = edgemed.quantize(path_of("clinical"), tmp_path / "small.gguf", "q4_0")
    assert edgemed.open_model(out).tensors["blk.0.ffn_up.weight"].type.name == "Q4_0"


def test_summarize_streams_and_checks() -> None:
    pieces: list[str] = []
    summary = edgemed.summarize(
        NOTE, "sample", model=merged_model(), max_tokens=64, options=SMALL,
        on_text=pieces.append,
    )  # fmt: skip
    assert "".join(pieces).strip()
    assert summary.review is not None and summary.ending in ("stop", "loop")


def test_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    cases, out = tmp_path / "cases.jsonl", tmp_path / "scores.jsonl"
    row = {"axis": "short", "prompt": "Say one word.", "expect": {"words-at-most": 50}}
    cases.write_text(json.dumps(row) + "\n")
    assert len(read_cases([cases])) == 1
    ask = {"cases": [cases], "out": out, "max_tokens": 16, "options": SMALL}
    first = edgemed.sweep(path_of("clinical"), path_of("instruct"), ts=(0.0,), **ask)
    assert first.best is None
    both = edgemed.sweep(path_of("clinical"), path_of("instruct"), ts=(0.0, 1.0), **ask)
    assert [point.t for point in both.points] == [0.0, 1.0]
    assert both.points[0] == first.points[0]
    assert both.best is not None


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two small models that fit."""
    a, b = tmp_path / "a.gguf", tmp_path / "b.gguf"
    for seed, path in enumerate((a, b)):
        write_pair_member(path, weights(seed))
    return a, b
