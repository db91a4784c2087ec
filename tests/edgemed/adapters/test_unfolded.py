"""Adapters beside a model in llama.cpp, against the same adapters folded into it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from edgemed_models.base import Message, Piece, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.scale import path_of

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.gguf_form import write_adapter
from edgemed.adapters.naming import Use
from edgemed.cli.main import main
from edgemed.errors import Incompatible, Refused
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options, adapter_bytes, decisive, load_model
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.folding import folding
from edgemed.merging.recipe.recipe import Recipe
from edgemed.merging.run.run import run_plan
from edgemed.storage.sha256 import sha256_of

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
    with pytest.raises(Refused, match=r"with the adapter nothing.gguf"), loaded(base, use):
        pass


def test_one_of_two_that_does_nothing_is_named(base: Path, tmp_path: Path) -> None:
    uses = [Use(adapter(base, tmp_path / f"{size}.gguf", size)) for size in (0.02, 0.0)]
    with pytest.raises(Refused, match=r"with the adapter 0.0.gguf"), loaded(base, *uses):
        pass


def test_its_bytes_count_and_other_forms_are_refused(base: Path, tmp_path: Path) -> None:
    model, path = open_model(base), adapter(base, tmp_path / "a.gguf", 0.02)
    assert adapter_bytes(model, [Use(path)]) == path.stat().st_size
    with pytest.raises(Refused, match="PEFT folder"):
        lora = Path(__file__).parents[1] / "data" / "lora"
        adapter_bytes(open_model(lora / "plain" / "base.gguf"), [Use(lora / "plain")])
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
