"""Adapters beside a model in llama.cpp, against the same adapters folded into it."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from edgemed_models.base import Message, Piece, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.scale import path_of

from edgemed.adapters import running
from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.forms import CONFIG, WEIGHTS
from edgemed.adapters.gguf_form import read_adapter, write_adapter
from edgemed.adapters.naming import Use
from edgemed.adapters.peft_changes import PREFIX
from edgemed.adapters.peft_form import folder_files, safetensors_bytes, write_folder
from edgemed.cli.main import main
from edgemed.errors import Incompatible, Refused
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options, adapter_bytes, decisive, load_model
from edgemed.merging.plan.plan import Target, plan_merge
from edgemed.merging.plan.quantization import plan_quantize, quantization
from edgemed.merging.recipe.folding import folding
from edgemed.merging.recipe.recipe import Recipe
from edgemed.merging.run.run import run_plan
from edgemed.storage.sha256 import sha256_of
from tests.edgemed.converted import logits_of, values

ASKED = (Message("user", "What is rest good for?"),)
LOADING = Options(context=256, threads=1, repack=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded instruct model in F32, which llama.cpp computes without rounding inputs."""
    out = tmp_path_factory.mktemp("base") / "base.gguf"
    recipe = Recipe("passthrough", folding(path_of("instruct"), []).slices, out_type="F32")
    run_plan(plan_merge(recipe, out, 1), load_check=False)
    return out


def adapter(base: Path, path: Path, size: float) -> Path:
    """Random pairs for attention and feed-forward matrices of every block."""
    model, rng = open_model(base), np.random.default_rng(7)
    pairs = {}
    for name, tensor in model.tensors.items():
        if name.startswith("blk") and len(tensor.shape) == 2:
            a = rng.standard_normal((4, tensor.row_length)) / tensor.row_length**0.5
            b = rng.standard_normal((tensor.rows, 4)) * size
            pairs[name] = Pair(a.astype("f4"), b.astype("f4"), 1.0)
    write_adapter(path, Adapter(str(model.metadata["general.architecture"]), pairs))
    return path


@contextmanager
def loaded(path: Path, *uses: Use) -> Iterator[LlamaModel]:
    options = Options(LOADING.context, LOADING.threads, repack=False, adapters=uses)
    model = load_model(path, options, 200)
    try:
        yield model
    finally:
        model.close()


def text(model: LlamaModel) -> str:
    events = model.generate(Request(ASKED, max_tokens=24))
    return "".join(event.text for event in events if isinstance(event, Piece))


def test_the_fold_in_f32_says_what_the_adapter_says_unfolded(base: Path, tmp_path: Path) -> None:
    use = Use(adapter(base, tmp_path / "a.gguf", 0.5), 0.5)
    folded = tmp_path / "folded.gguf"
    run_plan(plan_merge(folding(base, [use]), folded, 1), load_check=False)
    answer = "Rest lets the body heal."
    with loaded(base) as plain, loaded(base, use) as beside, loaded(folded) as inside:
        assert text(beside) == text(inside) != text(plain)
        scores = [np.array(m.score(ASKED, answer)) for m in (plain, beside, inside)]
    np.testing.assert_allclose(scores[1], scores[2], atol=1e-2)
    assert np.abs(scores[1] - scores[0]).max() > 0.1


def test_an_adapter_that_does_nothing_is_refused(base: Path, tmp_path: Path) -> None:
    use = Use(adapter(base, tmp_path / "nothing.gguf", 0.0))
    with (
        pytest.raises(Refused, match=r"the adapter nothing.gguf does not change"),
        loaded(base, use),
    ):
        pass


def test_one_of_two_that_does_nothing_is_named(base: Path, tmp_path: Path) -> None:
    uses = [Use(adapter(base, tmp_path / f"{size}.gguf", size)) for size in (0.02, 0.0)]
    with pytest.raises(Refused, match=r"the adapter 0.0.gguf does not change"), loaded(base, *uses):
        pass


def peft(base: Path, folder: Path, size: float) -> Path:
    """The same adapter as a PEFT folder."""
    gguf = adapter(base, folder.with_suffix(".gguf"), size)
    write_folder(folder, folder_files(read_adapter(gguf), open_model(base)))
    return folder


def left() -> list[Path]:
    """What is left of files that were made for llama.cpp to read."""
    return list(running.folder().rglob("*"))


def test_a_folder_runs_as_its_gguf_form_does_and_leaves_no_file(base: Path, tmp_path: Path) -> None:
    folder = peft(base, tmp_path / "style", 0.5)
    with loaded(base, Use(folder.with_suffix(".gguf"), 0.5)) as model:
        wanted = model.score(ASKED, "Rest lets the body heal.")
    with loaded(base, Use(folder, 0.5)) as model:
        assert left() == []
        assert model.score(ASKED, "Rest lets the body heal.") == wanted
        assert model.pid is not None
        os.kill(model.pid, signal.SIGKILL)
        assert model.score(ASKED, "Rest lets the body heal.") == wanted
        assert left() == []
        marks = [sha256_of(folder / name) for name in (CONFIG, WEIGHTS)]
        assert decisive(model, 8)["adapters"] == [["style", 0.5, *marks]]


def test_a_folder_that_does_nothing_is_named(base: Path, tmp_path: Path) -> None:
    use = Use(peft(base, tmp_path / "nothing", 0.0))
    with pytest.raises(Refused, match=r"the adapter nothing does not change"), loaded(base, use):
        pass
    assert left() == []


def test_the_file_that_is_made_is_the_users_alone(base: Path, tmp_path: Path) -> None:
    folder = peft(base, tmp_path / "style", 0.5)
    with running.in_gguf(open_model(base), [(str(folder), 2.0)]) as ((path, strength),):
        made = Path(path)
        assert (made.name, strength) == ("style", 2.0)
        assert made.stat().st_mode & 0o777 == 0o600 and made.parent.stat().st_mode & 0o777 == 0o700
        again = read_adapter(made)
        for name, pair in read_adapter(folder.with_suffix(".gguf")).pairs.items():
            assert np.array_equal(again.pairs[name].a, pair.a)
            assert np.array_equal(
                again.pairs[name].b * again.pairs[name].scale, pair.b * pair.scale
            )
    assert left() == []


CHECKPOINTS = Path(__file__).parents[1] / "data" / "checkpoints"
LORA = Path(__file__).parents[1] / "data" / "lora"


@pytest.mark.parametrize(
    "kind, why",
    [
        ("dora", "DoRA of blk"),
        ("norms", "whole tensor of"),
        ("lora_bias", "added vector of blk"),
        ("tied_head", "whole tensor of output.weight"),
    ],
)
def test_what_llama_cpp_does_not_run_is_to_be_folded(kind: str, why: str) -> None:
    model = open_model(LORA / kind / "base.gguf")
    with pytest.raises(Refused, match=why) as found:
        adapter_bytes(model, [Use(LORA / kind, 0.5)])
    assert f"edgemed fold {model.path} {LORA / kind}:0.5 -o OUT.gguf" in found.value.hint


def of_experts(folder: Path, base: Path) -> Path:
    """A PEFT folder with pairs of some experts, and of one that all tokens go through."""
    rng, arrays = np.random.default_rng(3), {}
    tensors = open_model(base).tensors
    for module, name in EXPERTS.items():
        length, rows = tensors[name].shape[:2]
        for half, shape in (("A", (2, length)), ("B", (rows, 2))):
            numbers = rng.standard_normal(shape).astype("f4") * 0.3
            arrays[f"{PREFIX}model.layers.0.{module}.lora_{half}.weight"] = numbers
    folder.mkdir()
    (folder / WEIGHTS).write_bytes(safetensors_bytes(arrays))
    (folder / CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4}))
    return folder


EXPERTS = {
    "block_sparse_moe.experts.0.w1": "blk.0.ffn_gate_exps.weight",
    "block_sparse_moe.experts.2.w1": "blk.0.ffn_gate_exps.weight",
    "block_sparse_moe.experts.2.w2": "blk.0.ffn_down_exps.weight",
    "block_sparse_moe.gate": "blk.0.ffn_gate_inp.weight",
    "self_attn.q_proj": "blk.0.attn_q.weight",
}


def test_adapters_of_experts_run_as_they_fold(tmp_path: Path) -> None:
    """In both forms; an expert without a pair is as it was."""
    base, folder = tmp_path / "mixtral.gguf", tmp_path / "peft"
    plan = plan_quantize(quantization(CHECKPOINTS / "mixtral", "F32"), Target(base, 1))
    run_plan(plan, load_check=False)
    of_experts(folder, base)
    with running.in_gguf(open_model(base), [(str(folder), 1.0)]) as ((made, _),):
        shutil.copy(made, tmp_path / "a.gguf")
    found = []
    for adapter in (folder, tmp_path / "a.gguf"):
        out = tmp_path / f"from-{adapter.name}.gguf"
        run_plan(plan_merge(folding(base, [Use(adapter)]), out, 1), load_check=False)
        found.append(b"".join(values(open_model(out), name) for name in open_model(out).tensors))
    assert found[0] == found[1]
    tokens = list(range(3, 40))
    runs = [(base, tokens, None), (out, tokens, None), (base, tokens, tmp_path / "a.gguf")]
    bare, inside, beside = logits_of(runs)
    assert np.abs(inside - bare).max() > 0.1
    assert np.abs(inside - beside).max() < 1e-3


def test_experts_that_do_not_change_keep_their_bytes(tmp_path: Path) -> None:
    """In a quantized file too, where every row of a tensor that changes is encoded anew."""
    base, folder = tmp_path / "mixtral.gguf", tmp_path / "peft"
    target = Target(base, 1)
    run_plan(plan_quantize(quantization(CHECKPOINTS / "mixtral", "Q8_0"), target), load_check=False)
    out = tmp_path / "out.gguf"
    recipe = folding(base, [Use(of_experts(folder, base))])
    run_plan(plan_merge(recipe, out, 1), load_check=False)
    for name, changed in (("ffn_gate_exps", {0, 2}), ("ffn_down_exps", {2}), ("ffn_up_exps", ())):
        before, after = (open_model(path) for path in (base, out))
        tensor = f"blk.0.{name}.weight"
        one, other = (
            np.frombuffer(values(m, tensor), "u1").reshape(3, -1) for m in (before, after)
        )
        assert {e for e in range(3) if not np.array_equal(one[e], other[e])} == set(changed)


@pytest.mark.parametrize(
    "module, why",
    [
        (
            "block_sparse_moe.experts.3.w1",
            "changes expert 3 of blk.0.ffn_gate_exps.weight, but",
        ),
        ("block_sparse_moe.experts.0.w9", "which has no place in"),
        ("mlp.experts", "which has no place in"),
        ("block_sparse_moe.experts.0.w2", "of 32 x 48, that of mixtral.gguf is 48 x 32"),
    ],
)
def test_experts_that_a_model_does_not_have_are_named(
    module: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, folder = tmp_path / "mixtral.gguf", tmp_path / "peft"
    plan = plan_quantize(quantization(CHECKPOINTS / "mixtral", "F32"), Target(base, 1))
    run_plan(plan, load_check=False)
    monkeypatch.setitem(EXPERTS, module, "blk.0.ffn_up_exps.weight")
    with pytest.raises(Incompatible, match=why):
        plan_merge(folding(base, [Use(of_experts(folder, base))]), tmp_path / "out.gguf", 1)


def test_its_bytes_count_and_other_models_are_refused(base: Path, tmp_path: Path) -> None:
    model, path = open_model(base), adapter(base, tmp_path / "a.gguf", 0.02)
    assert adapter_bytes(model, [Use(path)]) == path.stat().st_size
    folder = peft(base, tmp_path / "style", 0.5)
    pairs = read_adapter(path).pairs.values()
    assert adapter_bytes(model, [Use(folder)]) == sum(p.a.nbytes + p.b.nbytes for p in pairs)
    with pytest.raises(Incompatible, match="is for qwen2 models"):
        other = tmp_path / "other.gguf"
        pair = Pair(np.ones((1, 32), "f4"), np.ones((8, 1), "f4"), 1.0)
        write_adapter(other, Adapter("qwen2", {"blk.0.attn_q.weight": pair}))
        adapter_bytes(model, [Use(other)])


def test_commands_take_it_and_records_name_it(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, note = adapter(base, tmp_path / "a.gguf", 0.02), tmp_path / "note.txt"
    note.write_text("CHIEF COMPLAINT: Cough.\nHPI: Aspirin 81 mg daily.\n")
    words = ["--model", str(base), "--adapter", f"{path}:0.5", "--threads", "1"]
    main(["chat", "What is rest?", *words, "--max-tokens", "8"])
    first = capsys.readouterr()
    assert first.out.strip(), first.err
    code = main(["summarize", str(note), "--template", "sample", *words, "--json",
                 "--max-tokens", "8"])  # fmt: skip
    said = capsys.readouterr()
    assert json.loads(said.out) and code in (0, 1), said.err


def test_what_decides_a_draft_names_adapters_by_hash(base: Path, tmp_path: Path) -> None:
    path = adapter(base, tmp_path / "a.gguf", 0.3)
    with loaded(base, Use(path, 0.5)) as beside, loaded(base) as plain:
        assert decisive(beside, 8)["adapters"] == [["a.gguf", 0.5, sha256_of(path)]]
        assert "adapters" not in decisive(plain, 8)
