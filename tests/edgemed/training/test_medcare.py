"""`edgemed adapt --method medcare`: both stages, what they write, refuse, and that a stop changes
nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgemed_models.scale import path_of

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.gguf_form import read_adapter, write_adapter
from edgemed.cli.main import main
from edgemed.gguf import open_model
from edgemed.storage.sha256 import sha256_of
from tests.edgemed import tiny_decoders as tiny
from tests.edgemed.training.test_adapt import OPTIONS, refused, stop_at
from tests.oracles.llama_adapter import answers_loss

MODEL = path_of("instruct")
BLOCKS, RANK = 5, 4
STAGE_ONE = ("--method", "medcare", "--stage", "1")
STAGE_TWO = ("--method", "medcare", "--stage", "2")
SHORT = ("--epochs", "1")


def adapt(rows: Path, out: Path, *words: str, model: Path = MODEL) -> int:
    given = ["adapt", str(model), "--examples", str(rows), "-o", str(out), *OPTIONS, *words]
    return main(given)


def card_of(adapter: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(adapter.with_name(adapter.name + ".json").read_text())
    return found


def written(folder: Path) -> Path:
    """A file of examples."""
    rows = [
        {"prompt": f"Dose {n} mg?", "completion": f"The patient takes {n} mg."}
        for n in range(40, 61)
    ]
    path = folder / "examples.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    return written(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Adapters by name, each trained once."""
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    folder = tmp_path_factory.mktemp("medcare")
    rows = written(folder)
    ways = {
        "one": STAGE_ONE,
        "kept": (*STAGE_ONE, "--noise", "keep"),
        "two": (*STAGE_TWO, "--stage-one", str(folder / "one.gguf")),
        "free": (*STAGE_TWO, "--stage-one", str(folder / "one.gguf"), "--orthogonal", "0"),
        "orth": (*STAGE_TWO, "--stage-one", str(folder / "one.gguf"), "--part", "orth",
                 "--freeze-base"),
    }  # fmt: skip

    def make(name: str) -> Path:
        out = folder / f"{name}.gguf"
        if not out.exists():
            if "--stage-one" in ways[name]:
                make("one")
            assert adapt(rows, out, *ways[name], *SHORT) == 0
        return out

    return make


def ranks(adapter: Path) -> dict[str, set[int]]:
    """The ranks of an adapter's pairs, beside attention and beside the feed-forward part."""
    found: dict[str, set[int]] = {"attn": set(), "ffn": set()}
    for name, pair in read_adapter(adapter).pairs.items():
        found[name.split(".")[2].split("_")[0]].add(pair.rank)
    return found


def test_stage_one_writes_attention_and_the_shared_path(made: Callable[[str], Path]) -> None:
    path = made("one")
    assert len(read_adapter(path).pairs) == card_of(path)["matrices"] == BLOCKS * 7
    assert ranks(path) == {"attn": {RANK}, "ffn": {2 * RANK}}
    about = read_adapter(path).about
    said = {"base_sha256": sha256_of(MODEL), "method": "medcare", "stage": "1", "noise": "drop"}
    assert about == said


def test_the_card_tells_the_loss_with_and_without_each_part(made: Callable[[str], Path]) -> None:
    one, two = card_of(made("one")), card_of(made("two"))
    best = min(point["held"] for point in one["curve"])
    assert one["parts"].keys() == {"noise dropped", "noise kept", "attention alone"}
    assert one["parts"]["noise dropped"] == best < one["curve"][0]["held"]
    assert len({one["curve"][0]["held"], *one["parts"].values()}) == 4
    assert one["settings"]["method"] == "medcare, stage 1"

    assert two["parts"].keys() == {"both", "base", "orth"}
    assert two["parts"]["both"] == min(point["held"] for point in two["curve"])
    assert two["curve"][0]["held"] == pytest.approx(one["parts"]["noise dropped"], rel=1e-5)
    assert two["settings"]["stage_one_sha256"] == sha256_of(made("one"))
    assert two["settings"]["matrices"] == "ffn"


def test_noise_kept_is_judged_as_routed_and_written_at_its_mean(
    made: Callable[[str], Path],
) -> None:
    path = made("kept")
    kept, dropped = card_of(path), card_of(made("one"))
    assert ranks(path) == {"attn": {RANK}, "ffn": {(2 + 8) * RANK}}
    assert kept["parts"]["noise kept"] == min(point["held"] for point in kept["curve"])
    learned = [[point["learned"] for point in card["curve"]] for card in (kept, dropped)]
    assert learned[0] == learned[1]  # trained alike, judged apart
    assert read_adapter(path).about["noise"] == "keep"


def test_noise_whose_mean_is_of_no_use_is_not_written(
    examples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    from edgemed.training.medcare import Aggregating

    whole = Aggregating.loss_of

    def poor(self: Aggregating, parts: tuple[str, ...]) -> float:
        return 99.0 if "mean" in parts else whole(self, parts)

    monkeypatch.setattr(Aggregating, "loss_of", poor)
    out = examples.with_name("a.gguf")
    assert adapt(examples, out, *STAGE_ONE, "--noise", "keep", *SHORT) == 1
    assert "99.0000, no better than that of the model alone" in refused(capsys)
    assert not out.exists()


def test_the_orthogonal_term_turns_the_new_path_away(made: Callable[[str], Path]) -> None:
    turned, free = card_of(made("two"))["overlap"], card_of(made("free"))["overlap"]
    assert turned["first"] == free["first"]
    assert turned["best"] < 0.7 * turned["first"]
    assert free["best"] > 0.9 * free["first"]
    path = made("two")
    base, orth = halves(path)
    overlap = sum(float(abs(base[n].a @ orth[n].a.T).sum()) for n in base)
    assert overlap == pytest.approx(turned["best"], rel=1e-4)


def halves(path: Path) -> tuple[dict[str, Pair], dict[str, Pair]]:
    """Both paths of an adapter of stage 2."""
    found: tuple[dict[str, Pair], dict[str, Pair]] = ({}, {})
    for name, pair in read_adapter(path).pairs.items():
        if "ffn" in name:
            half = pair.rank // 2
            found[0][name] = Pair(pair.a[:half], pair.b[:, :half], pair.scale)
            found[1][name] = Pair(pair.a[half:], pair.b[:, half:], pair.scale)
    return found


def test_stage_two_leaves_attention_and_a_frozen_base_as_they_came(
    made: Callable[[str], Path],
) -> None:
    one, two, orth = (read_adapter(made(name)).pairs for name in ("one", "two", "orth"))
    base, _ = halves(made("two"))
    for name, pair in one.items():
        if "attn" in name:
            for other in (two, orth):
                assert product(other[name]) == pytest.approx(product(pair), rel=1e-5, abs=1e-9)
        else:
            assert not np.allclose(product(base[name]), product(pair), rtol=1e-3)
    assert ranks(made("two"))["ffn"] == {4 * RANK} and ranks(made("orth"))["ffn"] == {2 * RANK}
    card = card_of(made("orth"))
    assert card["parts"]["base"] == pytest.approx(card["curve"][0]["held"], rel=1e-6)


def product(pair: Pair) -> Any:
    return pair.scale * (pair.b @ pair.a)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model in F32, where llama.cpp does not round what goes into a product."""
    out = tmp_path_factory.mktemp("plain") / "f32.gguf"
    assert main(["quantize", str(MODEL), str(out), "--out-type", "F32", "--threads", "1"]) == 0
    return out


@pytest.mark.parametrize(
    ("name", "part", "fold"),
    [
        ("one", "noise dropped", False),
        ("kept", "noise at its mean", False),
        ("two", "both", False),
        ("orth", "orth", False),
        ("one", "noise dropped", True),
        ("two", "both", True),
    ],
)
def test_llama_cpp_has_the_losses_of_the_card_unfolded_and_folded(
    name: str, part: str, fold: bool, made: Callable[[str], Path], plain: Path, tmp_path: Path
) -> None:
    from edgemed.training.encoded import encode_for
    from edgemed.training.examples import read_examples
    from edgemed.training.schedule import split

    adapter, beside, model = made(name), made(name), plain
    data = encode_for(MODEL, None, read_examples(adapter.with_name("examples.jsonl")), 100)
    held = [data.rows[n] for n in split(len(data.rows), 0.1, 0)[1]]
    if fold:
        model, beside = tmp_path / "folded.gguf", None
        assert main(["fold", str(plain), str(adapter), "-o", str(model), "--threads", "1"]) == 0
    found = answers_loss(model, beside, [(row.ids, row.answer) for row in held])
    assert found == pytest.approx(card_of(adapter)["parts"][part], rel=0.01)


@pytest.mark.parametrize("stage", [1, 2])
def test_a_stopped_run_goes_on_to_the_very_same_file(
    stage: int,
    made: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = made("one" if stage == 1 else "two")
    rows, out = whole.with_name("examples.jsonl"), tmp_path / "a.gguf"
    words = (*STAGE_ONE, *SHORT) if stage == 1 else (
        *STAGE_TWO, "--stage-one", str(made("one")), *SHORT)  # fmt: skip
    stop_at(1, lambda: adapt(rows, out, *words))
    stop_at(2, lambda: adapt(rows, out, *words, "--resume"), "held_loss")
    other = ("--noise", "keep") if stage == 1 else ("--orthogonal", "0.5")
    assert adapt(rows, out, *words, "--resume", *other) == 3
    assert "belongs to another run" in refused(capsys)
    assert adapt(rows, out, *words, "--resume") == 0
    assert out.read_bytes() == whole.read_bytes()
    cards = [card_of(out), card_of(whole)]
    for card in cards:
        del card["data"]["mark"]  # keyed by the log, of which every test has its own
    assert cards[0] == cards[1]


def test_another_seed_gives_another_adapter(made: Callable[[str], Path], tmp_path: Path) -> None:
    one, out = made("one"), tmp_path / "a.gguf"
    rows = one.with_name("examples.jsonl")
    assert adapt(rows, out, *STAGE_ONE, *SHORT, "--seed", "1") == 0
    assert out.read_bytes() != one.read_bytes()


def test_without_held_out_examples_the_last_step_is_written(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    rows, out = made("one").with_name("examples.jsonl"), tmp_path / "a.gguf"
    words = ("--noise", "keep", "--held-out", "0", *SHORT)
    assert adapt(rows, out, *STAGE_ONE, *words) == 0
    assert card_of(out)["parts"] == {}
    assert ranks(out)["ffn"] == {10 * RANK}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "medcare"), "add --stage 1 or --stage 2"),
        (("--stage", "1"), "add --method medcare"),
        (("--noise", "keep"), "stage 1 of medcare"),
        ((*STAGE_ONE, "--orthogonal", "0"), "stage 2 of medcare"),
        ((*STAGE_ONE, "--freeze-base"), "stage 2 of medcare"),
        ((*STAGE_ONE, "--part", "orth"), "stage 2 of medcare"),
        ((*STAGE_ONE, "--stage-one", "a.gguf"), "stage 2 of medcare"),
        ((*STAGE_TWO, "--stage-one", "a.gguf", "--noise", "drop"), "stage 1 of medcare"),
        ((*STAGE_ONE, "--matrices", "ffn"), "each stage has its own matrices"),
        ((*STAGE_ONE, "--dora"), "leave out one of the two"),
        (STAGE_TWO, "--stage-one with the adapter of stage 1"),
    ],
)
def test_options_that_do_not_belong_together_are_refused(
    words: tuple[str, ...],
    said: str,
    examples: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert adapt(examples, examples.with_name("a.gguf"), *words) == 2
    assert said in refused(capsys)


@pytest.mark.parametrize("number", ["-1", "nan", "1e400"])
def test_a_factor_that_cannot_be_meant_is_refused(examples: Path, number: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        adapt(examples, examples.with_name("a.gguf"), *STAGE_TWO, "--stage-one", "a.gguf",
              f"--orthogonal={number}")  # fmt: skip
    assert stopped.value.code == 2


def stage_one_like(path: Path, **changed: Any) -> Path:
    """An adapter for all matrices of MODEL, but for what is changed."""
    tensors = open_model(MODEL).tensors
    pairs = {
        name: Pair(np.ones((1, t.row_length), np.float32), np.zeros((t.rows, 1), np.float32), 1.0)
        for name, t in tensors.items()
        if name.startswith("blk.") and len(t.shape) == 2 and name not in changed.get("without", ())
    } | changed.get("more", {})
    about = {"base_sha256": changed.get("sha256", sha256_of(MODEL))}
    write_adapter(path, Adapter(changed.get("architecture", "llama"), pairs, about))
    return path


BAD = np.full((1, 96), np.nan, np.float32)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sha256": "0" * 64}, "was trained on another file"),
        ({"architecture": "qwen2"}, "is for qwen2 models"),
        ({"without": ("blk.1.ffn_up.weight",)}, "has nothing for blk.1.ffn_up"),
        ({"more": {"blk.9.ffn_up.weight": Pair(BAD, BAD.T, 1.0)}}, "does not have"),
        ({"more": {"blk.0.ffn_up.weight": Pair(BAD[:, :7], BAD.T, 1.0)}}, "of"),
    ],
    ids=["base", "architecture", "missing", "strange", "shape"],
)
def test_an_adapter_that_stage_two_cannot_go_on_with_is_refused(
    changed: dict[str, Any],
    said: str,
    examples: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    path = stage_one_like(examples.with_name("one.gguf"), **changed)
    out = examples.with_name("a.gguf")
    assert adapt(examples, out, *STAGE_TWO, "--stage-one", str(path)) == 3
    assert said in refused(capsys)
    assert not out.exists()


def test_a_peft_folder_to_go_on_from_is_refused(
    examples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    folder = examples.with_name("one")
    folder.mkdir()
    assert (
        adapt(examples, examples.with_name("a.gguf"), *STAGE_TWO, "--stage-one", str(folder)) == 3
    )
    assert "write stage 1 as NAME.gguf" in refused(capsys)


def test_an_adapter_with_an_embedding_is_refused(
    examples: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    tensor = open_model(MODEL).tensors["token_embd.weight"]
    a, b = np.ones((1, tensor.row_length), np.float32), np.zeros((tensor.rows, 1), np.float32)
    pair = Pair(a, b, 1.0)
    path = stage_one_like(examples.with_name("one.gguf"), more={"token_embd.weight": pair})
    assert adapt(examples, examples.with_name("a.gguf"), *STAGE_TWO, "--stage-one", str(path)) == 3
    assert "changes token_embd.weight, which stage 2" in refused(capsys)


def test_the_adapter_of_stage_one_is_not_written_over(
    made: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    one = made("one")
    before = one.read_bytes()
    rows = one.with_name("examples.jsonl")
    assert adapt(rows, one, *STAGE_TWO, "--stage-one", str(one), "--force") in (2, 3)
    assert one.read_bytes() == before


def test_a_rank_that_counts_twice_is_too_much(
    examples: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    assert adapt(examples, examples.with_name("a.gguf"), *STAGE_ONE, "--rank", "129") == 2
    assert "a rank of 258 is more than it has" in refused(capsys)


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("keep", [False, True])
def test_routed_paths_learn_alike_whether_blocks_are_computed_once_or_twice(
    kind: str, keep: bool, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    from edgemed.training.encoded import Data, Encoded
    from edgemed.training.medcare import Aggregating
    from edgemed.training.stages import StageOne
    from edgemed.training.trainable import load_trainable

    losses = []
    for kept in (False, keep):
        _, model = load_trainable(tiny.write_decoder(tmp_path / f"{kept}.gguf", kind))
        model.keep = kept
        rows = tuple(Encoded(tuple(ids), 2) for ids in tiny.sequences())
        settings = StageOne(rank=2, alpha=4, held_out=0.3, rate=0.05, rslora=True)
        training = Aggregating(model, Data(rows, 0, 64), settings)
        assert {path.scale for path in training.paths.values()} == {4 / 2**0.5}
        losses.append([training.step() for _ in range(3)])
        assert all(torch.isfinite(p.grad).all() for p in training.trained)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
