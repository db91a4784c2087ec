"""llama.cpp opens what is written or added; what it refuses or dies of gets no name."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgemed_models.base import ModelError
from edgemed_models.engine.load_check import LoadCheck, reason
from edgemed_models.engine.process import Process
from edgemed_models.scale import path_of

import edgemed
from edgemed.cli.main import main
from edgemed.errors import EdgemedError
from edgemed.local_models import load_check
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.run.run import run_plan
from edgemed.storage.output import Output, part_of
from tests.edgemed.merge_pairs import TOKENS, weights, write_pair_member

pytestmark = pytest.mark.load_check


def member(path: Path, architecture: str = "stablelm", **keys: Any) -> Path:
    """A model whose header llama.cpp does not take, and of whose blocks edgemed knows nothing."""
    return write_pair_member(path, weights(1), architecture=architecture, **keys)


def asked(path: Path) -> str | None:
    check = LoadCheck()
    try:
        return check.refusal([str(path)])
    finally:
        check.end()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("split", [None, 2_000_000])
def test_a_merge_that_llama_loads_gets_its_name(tmp_path: Path, split: int | None) -> None:
    recipe = between(path_of("clinical"), path_of("instruct"), 0.5, tokenizer="B")
    result = run_plan(plan_merge(recipe, tmp_path / "m.gguf", 1, None, split=split))
    assert result.out.is_file() and len(names(tmp_path)) == (3 if split else 1)


@pytest.mark.parametrize("resume", [False, True])
def test_a_merge_that_llama_refuses_leaves_nothing_and_says_the_reason(
    tmp_path: Path, resume: bool
) -> None:
    a = member(tmp_path / "a.gguf")
    with pytest.raises(EdgemedError, match=r"m\.gguf: .*layer_norm_epsilon") as refused:
        edgemed.merge(a, a, t=0.5, out=tmp_path / "m.gguf", resume=resume)
    assert refused.value.exit_code == 1
    assert names(tmp_path) == {"a.gguf"}


def test_long_work_is_not_begun_on_a_header_that_llama_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_check, "LONG", 1)
    monkeypatch.setattr("edgemed.merging.run.run.run_steps", lambda *arguments: 1 / 0)
    a = member(tmp_path / "a.gguf")
    with pytest.raises(EdgemedError, match="layer_norm_epsilon"):
        edgemed.merge(a, a, t=0.5, out=tmp_path / "m.gguf")
    assert names(tmp_path) == {"a.gguf"}


def test_an_unknown_architecture_is_said_and_written_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, out = member(tmp_path / "a.gguf", architecture="quokka"), tmp_path / "m.gguf"
    command = ["merge", str(a), str(a), "--t", "0.5", "-o", str(out), "--threads", "1"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "'quokka'" in said and "--no-load-check" in said and not out.exists()
    assert main([*command, "--no-load-check"]) == 0 and out.is_file()


def test_a_quantized_file_is_opened_too(tmp_path: Path) -> None:
    a = member(tmp_path / "a.gguf")
    with pytest.raises(EdgemedError, match="layer_norm_epsilon"):
        edgemed.quantize(a, tmp_path / "q.gguf", "Q8_0", threads=1)
    assert names(tmp_path) == {"a.gguf"}
    edgemed.quantize(a, tmp_path / "q.gguf", "Q8_0", threads=1, load_check=False)


def test_a_model_that_llama_refuses_is_not_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = member(tmp_path / "a.gguf")
    assert main(["models", "add", str(a)]) == 3
    assert "layer_norm_epsilon" in capsys.readouterr().err
    assert main(["models", "add", str(a), "--no-load-check"]) == 0
    good = shutil.copy(path_of("instruct"), tmp_path / "b.gguf")
    assert main(["models", "add", str(good)]) == 0


def test_an_abort_inside_llama_is_a_reason_and_not_our_end(tmp_path: Path) -> None:
    twice = [*TOKENS[:-1], TOKENS[-2]]
    told = asked(member(tmp_path / "a.gguf", "llama", tokens=twice))
    assert told is not None and "GGML_ASSERT" in told and "/" not in told


def test_a_missing_tensor_and_a_wrong_shape_are_seen(tmp_path: Path) -> None:
    tensors = weights(1)
    del tensors["blk.0.attn_k.weight"]
    told = asked(write_pair_member(tmp_path / "a.gguf", tensors))
    assert told is not None and "blk.0.attn_k.weight" in told
    shapes = weights(1) | {"blk.0.attn_k.weight": np.zeros((8, 256), np.float32)}
    told = asked(write_pair_member(tmp_path / "b.gguf", shapes))
    assert told is not None and "blk.0.attn_k.weight" in told and "shape" in told


def test_a_llama_that_cannot_run_is_not_blamed_on_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    start = Process.__init__

    def die(self: Process, module: str) -> None:
        start(self, module)
        self.child.kill()

    monkeypatch.setattr(Process, "__init__", die)
    check = LoadCheck()
    with pytest.raises(ModelError, match="while it was loaded"):
        check.refusal(["any.gguf"])
    check.end()


def test_a_log_gives_the_last_reason_without_paths_of_whoever_built_llama() -> None:
    log = ["x: error loading model: first", "/tmp/a b/src/vocab.cpp:12: GGML_ASSERT(a == b) failed"]
    assert reason(log) == "vocab.cpp:12: GGML_ASSERT(a == b) failed"
    assert reason(log[:1]) == "first" and reason(["nothing"]) == ""


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What llama.cpp is asked to open from now on."""
    asked, refusal = [], LoadCheck.refusal

    def count(self: LoadCheck, paths: Any) -> str | None:
        asked.append(paths)
        return refusal(self, paths)

    monkeypatch.setattr(LoadCheck, "refusal", count)
    return asked


@pytest.mark.parametrize("split", [None, 2_000_000])
@pytest.mark.parametrize("long", [False, True])
def test_llama_opens_an_output_once_and_the_bytes_do_not_depend_on_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: int | None, long: bool
) -> None:
    recipe = between(path_of("clinical"), path_of("instruct"), 0.5, tokenizer="B")
    (tmp_path / "plain").mkdir()
    plain = plan_merge(recipe, tmp_path / "plain" / "m.gguf", 1, None, split=split)
    run_plan(plain, load_check=False)
    monkeypatch.setattr(load_check, "LONG", 1 if long else 10**15)
    opened = counted(monkeypatch)
    run_plan(plan_merge(recipe, tmp_path / "m.gguf", 1, None, split=split))
    assert len(opened) == 1
    for path in plain.out.parent.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("change", ["a byte of the last tensor's name", "the size"])
@pytest.mark.parametrize("split", [None, 2_000_000])
def test_a_header_or_size_that_changed_after_llama_opened_it_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, split: int | None
) -> None:
    plan = plan_merge(
        between(path_of("clinical"), path_of("instruct"), 0.5, tokenizer="B"),
        tmp_path / "m.gguf", 1, None, split=split,
    )  # fmt: skip
    last = plan.placement.shards[-1]
    part, place = part_of(last.path), last.layout.header.rindex(b"weight")

    def alter(self: Output) -> None:
        with part.open("r+b") as file:
            if change == "the size":
                file.truncate(last.layout.total_bytes - 1)
            else:
                file.seek(place)
                file.write(b"v")

    monkeypatch.setattr(load_check, "LONG", 1)
    monkeypatch.setattr(Output, "sync", alter)
    with pytest.raises(EdgemedError, match=r"\.part is not what was written"):
        run_plan(plan, resume=True)
    assert names(tmp_path) == set()


def test_no_process_is_left_while_a_long_work_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_check, "LONG", 1)
    with load_check.opener(True) as llama:
        assert llama.refuse_early([path_of("clinical")], "m.gguf", 2)
        assert llama._process is not None and not llama._process.process.alive()
