"""`edgemed adapt`: what it learns and writes, what it refuses, and that a stop changes nothing."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from edgemed_models.scale import path_of

from edgemed.adapters.gguf_form import read_adapter
from edgemed.cli.main import main
from edgemed.storage.sha256 import sha256_of
from tests.oracles.llama_adapter import answer_loss

MODEL = path_of("instruct")
OPTIONS = ("--threads", "1", "--rank", "4", "--rate", "3e-3", "--batch-tokens", "150")


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    rows = [
        {"prompt": f"Dose {n} mg?", "completion": f"The patient takes {n} mg."}
        for n in range(40, 61)
    ]
    path = tmp_path / "examples.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def adapt(examples: Path, out: str, *words: str) -> int:
    to = str(examples.with_name(out))
    return main(["adapt", str(MODEL), "--examples", str(examples), "-o", to, *OPTIONS, *words])


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


def test_without_torch_it_says_what_to_install(
    examples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert adapt(examples, "a.gguf") == 1
    said = refused(capsys)
    assert "torch is not installed" in said and "pip install 'edgemed[train]'" in said
    assert [p.name for p in examples.parent.iterdir()] == [examples.name]


@pytest.mark.parametrize(
    "words", [("--rate", "0"), ("--held-out", "1"), ("--rank", "0"), ("--alpha", "nan")]
)
def test_numbers_that_cannot_be_meant_are_refused(examples: Path, words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        adapt(examples, "a.gguf", *words)
    assert stopped.value.code == 2


def test_it_learns_and_says_what_it_made(examples: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    assert adapt(examples, "a.gguf", "--epochs", "2", "--matrices", "attn") == 0
    adapter = read_adapter(examples.with_name("a.gguf"))
    card = json.loads(examples.with_name("a.gguf.json").read_text())
    assert adapter.architecture == "llama" and len(adapter.pairs) == card["matrices"] == 5 * 4
    assert adapter.about == {"base_sha256": sha256_of(MODEL)}
    assert card["base"] == {"file": "instruct.gguf", "sha256": sha256_of(MODEL)}
    assert card["adapter_sha256"] == sha256_of(examples.with_name("a.gguf"))
    assert (card["data"]["learned_from"], card["data"]["held_out"]) == (19, 2)
    held = [point["held"] for point in card["curve"]]
    assert min(held) < held[0] / 2
    best = next(p for p in card["curve"] if p["step"] == card["steps"]["best"])
    assert best["held"] == min(held)
    holds_in_llama_cpp(examples, examples.with_name("a.gguf"))


def holds_in_llama_cpp(examples: Path, adapter: Path) -> None:
    """llama.cpp's loss with the adapter is the trainer's, and far from that without it.

    On the model in F32, where llama.cpp does not round what goes into a product.
    """
    import torch
    from edgemed_models.trainable.adapters import Lora

    from edgemed.training.encoded import encode_for
    from edgemed.training.examples import read_examples
    from edgemed.training.packing import packed
    from edgemed.training.trainable import load_trainable

    row = encode_for(MODEL, None, read_examples(examples)[:1], 100).rows[0]
    _, model = load_trainable(MODEL)
    for name, pair in read_adapter(adapter).pairs.items():
        lora = Lora(pair.rank, pair.scale, len(pair.b), pair.a.shape[1])
        lora.a.data, lora.b.data = torch.from_numpy(pair.a), torch.from_numpy(pair.b)
        model.linears()[name.removesuffix(".weight")].path = lora
    ids, packing, weights = packed([row])
    with torch.no_grad():
        ours = model.loss(ids, packing, weights).item() / row.answer
    plain = examples.with_name("f32.gguf")
    assert main(["quantize", str(MODEL), str(plain), "--out-type", "F32", "--threads", "1"]) == 0
    assert answer_loss(plain, adapter, row.ids, row.answer) == pytest.approx(ours, rel=0.01)
    assert answer_loss(plain, None, row.ids, row.answer) > 1.5 * ours


def test_no_word_of_an_example_is_in_any_file(examples: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    stop_at(1, lambda: adapt(examples, "a.gguf"))
    left = [p for p in examples.parent.rglob("*") if p.is_file() and p != examples]
    assert any(p.name == "a.gguf.progress" for p in left)
    assert adapt(examples, "b.gguf", "--epochs", "1") == 0
    for path in examples.parent.rglob("*"):
        if path.is_file() and path != examples:
            assert b"patient" not in path.read_bytes() and b"Dose" not in path.read_bytes(), path


def stop_at(step: int, work: Callable[[], int], within: str = "step") -> None:
    """Let a run be interrupted when it comes to `step`, or takes the held-out loss after it."""
    from edgemed.training.adapt import Training

    with pytest.MonkeyPatch.context() as patch:
        whole = getattr(Training, within)

        def stopping(self: Training) -> float:
            if self.state.step == step:
                raise KeyboardInterrupt
            return whole(self)

        patch.setattr(Training, within, stopping)
        assert work() == 130


def test_a_stopped_run_goes_on_to_the_very_same_file(
    examples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    words = ("--epochs", "2", "--matrices", "ffn")
    assert adapt(examples, "whole.gguf", *words) == 0
    stop_at(1, lambda: adapt(examples, "a.gguf", *words))
    stop_at(3, lambda: adapt(examples, "a.gguf", *words, "--resume"), "held_loss")
    assert not examples.with_name("a.gguf").exists()
    assert adapt(examples, "a.gguf", *words) == 3
    assert "--resume" in refused(capsys)
    assert adapt(examples, "a.gguf", *words, "--resume", "--seed", "5") == 3
    assert "belongs to another run" in refused(capsys)
    assert adapt(examples, "a.gguf", *words, "--resume") == 0
    whole, resumed = (examples.with_name(n).read_bytes() for n in ("whole.gguf", "a.gguf"))
    assert whole == resumed
    assert not examples.with_name("a.gguf.progress").exists()
    cards = [json.loads(examples.with_name(f"{n}.gguf.json").read_text()) for n in ("whole", "a")]
    assert cards[0] == cards[1]


def test_a_state_that_is_half_changed_is_not_saved(examples: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (extra `train`)")

    def stopping(self: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", stopping)
        assert adapt(examples, "a.gguf") == 130
    assert not examples.with_name("a.gguf.progress").exists()


def test_broken_and_missing_states_are_refused(
    examples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    assert adapt(examples, "a.gguf", "--resume") == 3
    assert "to resume from" in refused(capsys)
    examples.with_name("a.gguf.progress").write_bytes(b"PK\x03\x04 not a state")
    assert adapt(examples, "a.gguf", "--resume") == 3
    assert "cannot be read" in refused(capsys)


def test_where_nothing_is_learned_nothing_is_written(
    examples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    assert adapt(examples, "a.gguf", "--epochs", "1", "--rate", "1e-12") == 1
    assert "never fell" in refused(capsys)
    assert not examples.with_name("a.gguf").exists()


def test_a_stopped_run_can_be_ended_where_it_stands(examples: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    stop_at(3, lambda: adapt(examples, "a.gguf"))
    assert adapt(examples, "a.gguf", "--finish") == 0
    card = json.loads(examples.with_name("a.gguf.json").read_text())
    assert card["steps"]["done"] == card["steps"]["best"] == 3 < card["steps"]["planned"]
    assert card["curve"][-1]["held"] < card["curve"][0]["held"]
    assert not examples.with_name("a.gguf.progress").exists()


def test_numbers_stored_in_half_take_half_the_room(examples: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    for out, stored in (("a.gguf", "F32"), ("b.gguf", "F16")):
        assert adapt(examples, out, "--epochs", "1", "--out-type", stored) == 0
    whole, half = (read_adapter(examples.with_name(out)).pairs for out in ("a.gguf", "b.gguf"))
    assert (
        examples.with_name("b.gguf").stat().st_size
        < 0.6 * examples.with_name("a.gguf").stat().st_size
    )
    for name, pair in whole.items():
        assert abs(half[name].b - pair.b).max() <= 2**-11 * abs(pair.b).max()


def test_a_run_that_has_no_room_is_refused_with_its_parts(
    examples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    monkeypatch.setattr("edgemed.cli.training.adapt.system_memory", lambda: (10**9, 10**8))
    assert adapt(examples, "a.gguf") == 3
    said = refused(capsys)
    assert "100 MB are free" in said and "activations" in said and "--batch-tokens" in said
    assert not examples.with_name("a.gguf").exists()


def test_a_rank_that_no_matrix_has_is_refused(
    examples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    assert adapt(examples, "a.gguf", "--rank", "100000000") == 2
    assert "a rank of 100000000 is more than it has" in refused(capsys)


def test_an_adapter_that_cannot_be_written_is_said_in_words(
    examples: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgemed.adapters.output.write_whole", full)
    assert adapt(examples, "a.gguf", "--epochs", "1") == 1
    said = refused(capsys)
    assert "cannot write" in said and "No space left on device" in said
