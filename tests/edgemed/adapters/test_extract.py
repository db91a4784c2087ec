"""Adapters taken out of fine-tunes: the way back of a fold, and the best of a rank."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemed.adapters.forms import WEIGHTS
from edgemed.adapters.gguf_form import read_adapter
from edgemed.adapters.naming import Use
from edgemed.checkpoints.safetensors import read_table
from edgemed.cli.main import main
from edgemed.errors import Refused, UsageError
from edgemed.gguf import open_model
from edgemed.merging.extracting import ExtractSettings, extract, plan_extract
from edgemed.merging.recipe.folding import folding
from tests.edgemed.adapters.test_fold import TOUCHED, delta, merged, pairs, tensor_of, write
from tests.edgemed.whole_llamas import SHAPES, write_llama


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_llama(tmp_path / "base.gguf")


def test_a_fold_gives_its_adapter_back(base: Path, tmp_path: Path) -> None:
    given = pairs(1, rank=3)
    tuned = merged(folding(base, [Use(write(tmp_path / "a.gguf", given))]), tmp_path / "t.gguf")
    adapter, told = extract(plan_extract(tuned, base, tmp_path / "x", 2), base, ExtractSettings(3))
    assert set(adapter.pairs) == set(TOUCHED) == {t.name for t in told}
    for name, found in adapter.pairs.items():
        wanted = delta(given, name)
        again = found.b.astype("f8") @ found.a.astype("f8")
        assert np.abs(again - wanted).max() <= 1e-5 * np.abs(wanted).max()
        for ours, theirs in ((found.a.T, given[name].a.T), (found.b, given[name].b)):
            angles = np.linalg.svd(basis_of(ours).T @ basis_of(theirs), compute_uv=False)
            assert angles.min() > 1 - 1e-6  # cosines of the principal angles
    assert all(t.share > 1 - 1e-6 and t.rank == 3 for t in told)


def basis_of(columns: Any) -> Any:
    return np.linalg.qr(columns.astype("f8"))[0]


def test_a_rank_holds_what_the_singular_values_say(base: Path, tmp_path: Path) -> None:
    other = write_llama(tmp_path / "other.gguf", seed=3, change=keep_vectors)
    _, told = extract(plan_extract(other, base, tmp_path / "x", 1), base, ExtractSettings(6))
    assert {t.name for t in told} == {name for name, shape in SHAPES.items() if len(shape) == 2}
    for each in told:
        change = tensor_of(other, each.name).astype("f8") - tensor_of(base, each.name)
        squares = np.linalg.svd(change, compute_uv=False) ** 2
        assert each.share <= squares[:6].sum() / squares.sum() + 1e-9
        assert each.share > 0.97 * squares[:6].sum() / squares.sum()


def keep_vectors(metadata: Any, weights: Any) -> None:
    """The norms of the base, whose seed is 0."""
    from tests.edgemed.whole_llamas import tensors

    weights |= {name: spec for name, spec in tensors(0).items() if len(spec[1]) == 1}


def test_auto_takes_the_smallest_rank_that_holds_the_share(base: Path, tmp_path: Path) -> None:
    given = pairs(1, rank=5)
    tuned = merged(folding(base, [Use(write(tmp_path / "a.gguf", given))]), tmp_path / "t.gguf")
    _, told = extract(
        plan_extract(tuned, base, tmp_path / "x", 2), base, ExtractSettings(None, 0.8)
    )
    for each in told:
        squares = np.linalg.svd(delta(given, each.name), compute_uv=False) ** 2
        shares = np.cumsum(squares) / squares.sum()
        assert each.rank == int(np.flatnonzero(shares >= 0.8)[0]) + 1
        assert abs(each.share - shares[each.rank - 1]) < 1e-4


def test_vectors_that_differ_are_refused_or_left_out(base: Path, tmp_path: Path) -> None:
    other = write_llama(tmp_path / "other.gguf", seed=3)
    with pytest.raises(Refused, match=r"attn_norm\.weight differs"):
        extract(plan_extract(other, base, tmp_path / "x", 1), base, ExtractSettings(2))
    settings = ExtractSettings(2, without_vectors=True)
    adapter, _ = extract(plan_extract(other, base, tmp_path / "x", 1), base, settings)
    assert "blk.0.attn_norm.weight" not in adapter.pairs
    with pytest.raises(Refused, match="every matrix is the same"):
        copy = write_llama(tmp_path / "copy.gguf")
        extract(plan_extract(copy, base, tmp_path / "x", 1), base, ExtractSettings(2))
    with pytest.raises(UsageError, match="the same file"):
        plan_extract(base, base, tmp_path / "x", 1)


def test_threads_change_no_byte(base: Path, tmp_path: Path) -> None:
    other = write_llama(tmp_path / "other.gguf", seed=3, change=keep_vectors)
    found = []
    for threads in (1, 2):
        out = tmp_path / f"{threads}.gguf"
        words = ["extract", str(other), str(base), "--rank", "4", "-o", str(out)]
        assert main([*words, "--threads", str(threads)]) == 0
        found.append(out.read_bytes())
    assert found[0] == found[1]


def test_the_command_writes_what_a_fold_reads(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The embedding too, which lies the other way round, and a head that is the embedding."""
    given = {name: pair for name, pair in pairs(1).items() if name != "output.weight"}
    rng = np.random.default_rng(5)
    given["token_embd.weight"] = type(next(iter(given.values())))(
        rng.standard_normal((2, 32)).astype("f4"), rng.standard_normal((64, 2)).astype("f4"), 0.1
    )
    tuned = merged(folding(base, [Use(write(tmp_path / "a.gguf", given))]), tmp_path / "t.gguf")
    change = delta(given, "token_embd.weight")
    seen = tensor_of(tuned, "token_embd.weight") - tensor_of(base, "token_embd.weight")
    assert np.abs(seen - change).max() < 1e-6
    out = tmp_path / "out.gguf"
    words = ["extract", str(tuned), str(base), "-o", str(out), "--json"]
    assert main([*words, "--rank", "auto", "--share", "0.9999999"]) == 0
    told = json.loads(capsys.readouterr().out)["tensors"]
    assert {t["name"]: t["rank"] for t in told}["token_embd.weight"] == 2
    again = merged(folding(base, [Use(out)]), tmp_path / "again.gguf")
    for name in SHAPES:
        apart = np.abs(tensor_of(again, name) - tensor_of(tuned, name)).max()
        assert apart <= 1e-5 * tensor_of(base, name).std(), name
    assert set(read_adapter(out).pairs) == set(given)
    assert main([*words, "--rank", "none", "--force"]) == 2
    assert main([*words, "--rank", "2", "--share", "0.5", "--force"]) == 2


def test_a_folder_is_what_a_fold_reads(tmp_path: Path) -> None:
    """With the rows of q and k in the checkpoint's order."""
    lora = Path(__file__).parents[1] / "data" / "lora" / "plain"
    base, out = lora / "base.gguf", tmp_path / "out"
    tuned = merged(folding(base, [Use(lora)]), tmp_path / "t.gguf")
    words = ["extract", str(tuned), str(base), "--rank", "2", "-o", str(out)]
    assert main(words) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "t.gguf"]
    ours, theirs = read_table(out / WEIGHTS), read_table(lora / WEIGHTS)
    assert {n: s.shape for n, s in ours.items()} == {n: s.shape for n, s in theirs.items()}
    again = merged(folding(base, [Use(out)]), tmp_path / "again.gguf")
    for name in open_model(base).tensors:
        apart = np.abs(tensor_of(again, name) - tensor_of(tuned, name)).max()
        assert apart <= 1e-5 * tensor_of(base, name).std(), name
    assert main(words) == 3 and main([*words, "--force"]) == 3


@pytest.mark.parametrize("which", ["tuned", "base"])
def test_a_model_with_nan_gives_no_adapter(which: str, tmp_path: Path, capsys: Any) -> None:
    def broken(metadata: Any, weights: Any) -> None:
        keep_vectors(metadata, weights)
        name = next(n for n in weights if n.endswith("attn_q.weight"))
        kind, shape, data = weights[name]
        weights[name] = (kind, shape, np.float32(np.nan).tobytes() + data[4:])

    usual, other = (write_llama(tmp_path / f"{n}.gguf", seed=n, change=c)
                    for n, c in ((3, keep_vectors), (4, broken)))  # fmt: skip
    pair = [other, usual] if which == "tuned" else [usual, other]
    for out in (tmp_path / "x.gguf", tmp_path / "folder"):
        words = ["extract", *map(str, pair), "--rank", "2", "-o", str(out), "--threads", "1"]
        assert main(words) == 1
        assert "attn_q.weight: NaN or infinity" in capsys.readouterr().err
        assert not out.exists()


def test_a_control_changes_as_much_in_every_matrix_and_something_else(
    base: Path, tmp_path: Path
) -> None:
    given = pairs(1, rank=3)
    tuned = merged(folding(base, [Use(write(tmp_path / "a.gguf", given))]), tmp_path / "t.gguf")
    made = {}
    for seed, threads in ((7, 1), (7, 2), (8, 1)):
        plan = plan_extract(tuned, base, tmp_path / "x", threads)
        adapter, told = extract(plan, base, ExtractSettings(3, control=seed))
        made[seed, threads] = {n: p.b.astype("f8") @ p.a for n, p in adapter.pairs.items()}
        assert {t.share for t in told} == {0.0}
    for name, change in made[7, 1].items():
        wanted = delta(given, name)
        size = np.linalg.norm(wanted)
        assert np.linalg.norm(change) == pytest.approx(size, rel=1e-4)
        assert abs((change * wanted).sum()) < 0.5 * size**2
        assert np.array_equal(change, made[7, 2][name])
        assert not np.allclose(change, made[8, 1][name], atol=0.1 * np.abs(change).max())
    assert set(made[7, 1]) == set(TOUCHED)


def test_a_control_needs_a_rank(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["extract", str(base), str(base), "--rank", "auto", "--control", "1", "-o", "x.gguf"]
    assert main(words) == 2
    assert "random change has no share" in capsys.readouterr().err
