"""One model given twice: through two of its shards, by another name, or as it is."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgemed.cli.main import main
from tests.edgemed.quantizing.test_quantize import matrix_file
from tests.edgemed.whole_llamas import write_llama


@pytest.fixture
def shards(tmp_path: Path) -> list[str]:
    """The files of one model in several."""
    a, b = (str(write_llama(tmp_path / f"{n}.gguf", seed=n)) for n in range(2))
    out = str(tmp_path / "us.gguf")
    assert main(["merge", a, b, "--t", "0", "-o", out, "--split-max-size", "30000"]) == 0
    found = sorted(map(str, tmp_path.glob("us-*.gguf")))
    assert len(found) > 2
    return found


def test_two_shards_of_one_model_are_refused_before_any_work(shards, tmp_path, capsys) -> None:
    out = tmp_path / "out.gguf"
    recipe = tmp_path / "r.yml"
    recipe.write_text(
        "merge_method: task_arithmetic\nbase_model: {}\nmodels:\n"
        "  - model: {}\n    parameters: {{weight: 1}}\n".format(*map(os.path.basename, shards[:2]))
    )
    for words in (
        ["merge", *shards[:2], "--t", "0.5", "-o", str(out)],
        ["merge", *shards[:2], "--t", "0.5", "-o", str(out), "--dry-run"],
        ["merge", str(recipe), "-o", str(out)],
        ["check", *shards[:2]],
        ["diff", *shards[:2]],
    ):
        assert main(words) == 3, words
        assert "us-00001-of-0000" in "".join(capsys.readouterr())
    assert not out.exists()


@pytest.mark.parametrize("how", ["same", "hard link", "symbolic link", "copy"])
def test_a_model_given_twice_is_merged_and_said(how, tmp_path, capsys) -> None:
    a = write_llama(tmp_path / "a.gguf")
    b = tmp_path / "b.gguf"
    if how == "hard link":
        os.link(a, b)
    elif how == "symbolic link":
        b.symlink_to(a)
    elif how == "copy":
        shutil.copy(a, b)
    else:
        b = a
    out = tmp_path / "out.gguf"
    assert main(["merge", str(a), str(b), "--t", "0.5", "-o", str(out)]) == 0
    said = capsys.readouterr().err
    assert "copied, the same in all models: " in said
    if how != "copy":  # of which the headers say nothing
        assert "mixed with itself" in said
        assert main(["check", str(a), str(b)]) == 0
        assert "is given twice" in capsys.readouterr().out


def test_an_importance_matrix_given_twice_is_refused(tmp_path, capsys) -> None:
    ones = {"blk.0.attn_q.weight": np.ones((1, 32), np.float32)}
    matrix = matrix_file(tmp_path / "m.gguf", ones)
    a, b = (str(write_llama(tmp_path / f"{n}.gguf", seed=n)) for n in range(2))
    twice = ["--imatrix", str(matrix), "--imatrix", str(matrix)]
    assert main(["merge", a, b, "--t", ".5", "-o", str(tmp_path / "o.gguf"), *twice]) == 3
    assert "m.gguf is given twice" in capsys.readouterr().err
