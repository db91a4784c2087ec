"""What edgemed writes, llama.cpp loads: whole files, held against llama.cpp itself."""

from pathlib import Path

import pytest

from edgemed.cli.main import main
from edgemed.gguf import open_model
from edgemed.gguf.loadable.obstacles import obstacles
from edgemed.gguf.model import open_header
from tests.edgemed.whole_llamas import pairs, pieces, write_llama
from tests.oracles.llama_load import loaded


def alignments(path: Path) -> set[int]:
    """Those of all files of a model."""
    return {open_header(p).alignment for p in open_model(path).paths}


@pytest.mark.parametrize("alignment", [1, 4, 8, 16, 32, 64, 128])
def test_parents_of_any_alignment_give_files_that_load(alignment: int, tmp_path: Path) -> None:
    a, b = (str(write_llama(tmp_path / f"{n}.gguf", seed=n, alignment=alignment)) for n in range(2))
    outs = [tmp_path / f"{name}.gguf" for name in ("mid", "zero", "shards", "quantized")]
    assert main(["merge", a, b, "--t", "0.5", "-o", str(outs[0])]) == 0
    assert main(["merge", a, b, "--t", "0", "-o", str(outs[1])]) == 0
    shards = ["merge", a, b, "--t", "0.5", "-o", str(outs[2]), "--split-max-size", "40000"]
    assert main(shards) == 0
    assert main(["quantize", a, str(outs[3]), "--out-type", "Q8_0"]) == 0
    outs[2] = next(tmp_path.glob("shards-00001-of-*.gguf"))
    assert all(alignments(path) == {max(32, alignment)} for path in outs)
    outcomes = loaded(outs)
    assert [outcome.reason for outcome in outcomes if not outcome.loads] == []


def test_llama_cpp_aborts_on_a_narrow_alignment(tmp_path: Path) -> None:
    paths = [write_llama(tmp_path / f"{n}.gguf", alignment=n) for n in (16, 32)]
    narrow, usual = loaded(paths)
    assert narrow.status < 0 and "TENSOR_ALIGNMENT" in " ".join(narrow.lines)
    assert usual.loads


@pytest.mark.parametrize("vocabulary", [pieces, pairs])
def test_the_unchanged_files_load(vocabulary, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = write_llama(tmp_path / "a.gguf", None, vocabulary)
    assert loaded([path])[0].loads
    assert {o.about for o in obstacles(open_model(path))} <= {"texts"}
