"""rsLoRA, DoRA, PEFT folders and pools: what is trained is what a fold of the output computes."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from edgemed_models.scale import path_of

from edgemed.adapters.forms import CONFIG, WEIGHTS
from edgemed.adapters.gguf_form import read_adapter
from edgemed.cli.main import main
from edgemed.errors import Refused
from edgemed.storage.sha256 import sha256_of
from edgemed.training.card import Base, run_name
from edgemed.training.encoded import Data, Encoded, encode_for, few
from edgemed.training.examples import read_examples
from edgemed.training.schedule import RunSettings, pool
from tests.edgemed.training.test_adapt import MODEL, adapt, examples, refused, stop_at

__all__ = ["examples"]  # a fixture

SHORT = ("--epochs", "1", "--matrices", "attn")


def loss_of_the_fold(examples: Path, out: str, settings: RunSettings) -> float:
    """The held-out loss of the model that `edgemed fold` makes of the adapter, in F32."""
    from edgemed.training.adapt import Training
    from edgemed.training.trainable import load_trainable

    folded = examples.with_name("folded.gguf")
    words = ["fold", str(MODEL), str(examples.with_name(out)), "-o", str(folded)]
    assert main([*words, "--out-type", "F32", "--threads", "1"]) == 0
    _, model = load_trainable(folded)
    data = encode_for(MODEL, None, read_examples(examples), 1024)
    return Training(model, data, settings).held_loss()


def best_of(card: dict[str, object]) -> float:
    """The best held-out loss that a card tells."""
    return min(point["held"] for point in card["curve"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "out, words, settings",
    [
        ("peft", ("--dora", *SHORT), RunSettings(4, 8.0, "attn", dora=True)),
        ("a.gguf", ("--rslora", *SHORT), RunSettings(4, 8.0, "attn", rslora=True)),
        (
            "peft",
            ("--rslora", "--dora", "--epochs", "1"),
            RunSettings(4, 8.0, rslora=True, dora=True),
        ),
    ],
)
def test_the_fold_has_the_loss_that_was_trained(
    examples: Path, out: str, words: tuple[str, ...], settings: RunSettings
) -> None:
    """Rows of q and k are put back into the checkpoint's order and turned again by the fold."""
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    assert adapt(examples, out, *words) == 0
    card = json.loads(examples.with_name(f"{out}.json").read_text())
    assert (card["settings"]["rslora"], card["settings"]["dora"]) == (
        settings.rslora,
        settings.dora,
    )
    assert best_of(card) < 0.9 * card["curve"][0]["held"]
    assert loss_of_the_fold(examples, out, settings) == pytest.approx(best_of(card), rel=1e-3)


def test_rslora_is_a_larger_alpha_to_llama_cpp(examples: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    assert adapt(examples, "a.gguf", "--rslora", "--alpha", "6", *SHORT) == 0
    pairs = read_adapter(examples.with_name("a.gguf")).pairs
    assert {pair.scale for pair in pairs.values()} == {3.0}  # 6 / sqrt 4


def test_a_folder_says_what_it_is_and_its_card_knows_it(examples: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    assert adapt(examples, "peft", "--dora", *SHORT) == 0
    folder = examples.with_name("peft")
    config = json.loads((folder / CONFIG).read_text())
    assert config["use_dora"] and config["r"] == config["lora_alpha"] == 4
    card = json.loads(examples.with_name("peft.json").read_text())
    assert card["adapter_sha256"] == sha256_of(folder / WEIGHTS)
    assert sorted(p.name for p in examples.parent.iterdir()) == [
        examples.name, "peft", "peft.json"
    ]  # fmt: skip


def test_a_stopped_run_of_dora_goes_on_to_the_very_same_folder(
    examples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    words = ("--dora", *SHORT)
    assert adapt(examples, "whole", *words) == 0
    stop_at(1, lambda: adapt(examples, "part", *words))
    assert adapt(examples, "part", *SHORT, "--resume") == 3  # another kind is another run
    assert "belongs to another run" in refused(capsys)
    assert adapt(examples, "part", *words, "--resume") == 0
    whole, part = (examples.with_name(n) for n in ("whole", "part"))
    assert (whole / WEIGHTS).read_bytes() == (part / WEIGHTS).read_bytes()


def test_the_lengths_of_dora_have_no_place_in_a_gguf_file() -> None:
    from edgemed.adapters.adapter import Adapter, Pair
    from edgemed.adapters.gguf_form import adapter_bytes

    a, b, lengths = np.ones((1, 32), "f4"), np.ones((8, 1), "f4"), np.ones(8, "f4")
    adapter_bytes(Adapter("llama", {"blk.0.attn_q.weight": Pair(a, b, 1.0)}))
    with pytest.raises(Refused, match="cannot hold the magnitudes of DoRA"):
        adapter_bytes(Adapter("llama", {"blk.0.attn_q.weight": Pair(a, b, 1.0, lengths)}))


def test_a_run_without_the_newer_options_has_the_name_that_it_had() -> None:
    """So that what an earlier version began can be continued."""
    base = Base(Path("m.gguf"), "ab")
    old = {"rank": 16, "alpha": 32.0, "matrices": "all", "epochs": 3, "rate": 3e-4,
           "batch_tokens": 1024, "held_out": 0.1, "patience": 3, "seed": 0}  # fmt: skip
    said = json.dumps(["ab", "mark", old], sort_keys=True)
    assert run_name(base, "mark", RunSettings()) == hashlib.sha256(said.encode()).hexdigest()
    kinds = [RunSettings(), RunSettings(dora=True), RunSettings(rslora=True), RunSettings(shots=64)]
    assert len({run_name(base, "mark", settings) for settings in kinds}) == 4


def test_pools_lie_inside_larger_ones_of_the_same_seed() -> None:
    pools = [pool(1000, n, 7) for n in (1, 64, 256, 1000)]
    for small, large in pairwise(pools):
        assert set(small) < set(large)
    assert [len(p) for p in pools] == [1, 64, 256, 1000] and pools[-1] == tuple(range(1000))
    assert pool(1000, 64, 7) == pools[1] != pool(1000, 64, 8)


def test_few_draws_from_what_can_be_used() -> None:
    data = Data(tuple(Encoded((n, 1), 1) for n in range(100)), 5, 10)
    some, more = few(data, 8, 3), few(data, 32, 3)
    assert len(some.rows) == 8 and set(some.rows) < set(more.rows) and some.left_out == 5
    assert some.about == {"drawn_from": 100}
    with pytest.raises(Refused, match="101 examples were asked for; 100 have"):
        few(data, 101, 3)


def test_a_card_says_how_many_of_how_many(examples: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    assert adapt(examples, "a.gguf", "--draw", "8", *SHORT) == 0
    card = json.loads(examples.with_name("a.gguf.json").read_text())
    data = card["data"]
    assert data["learned_from"] + data["held_out"] == 8 == card["settings"]["shots"]
    assert data["drawn_from"] == 21 and path_of("instruct") == MODEL
