"""Types that rows do not fill: what is taken instead is said, and refused where that is asked."""

from pathlib import Path

import numpy as np
import pytest

from edgemed.cli.main import main
from edgemed.gguf import open_model
from edgemed.quantizing.fallbacks import Fallback, fallbacks, notes_on
from edgemed.quantizing.mixes import Matrix
from tests.edgemed.merge_pairs import TOKENS, write_pair_member

WIDE = 288
KEY = "made-up.embedding_length"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models with rows of 288 weights, which fill blocks of 32 and none of 256."""
    folder = tmp_path_factory.mktemp("models")
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (len(TOKENS), WIDE)}
    for i in range(2):
        shapes |= {
            f"blk.{i}.attn_norm.weight": (WIDE,),
            f"blk.{i}.attn_q.weight": (WIDE, WIDE),
            f"blk.{i}.ffn_down.weight": (WIDE, 512),
            f"blk.{i}.ffn_up.weight": (50, 40),
        }
    found = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        tensors = {n: rng.normal(0, 1, shape).astype(np.float32) for n, shape in shapes.items()}
        path = folder / f"{seed}.gguf"
        found.append(write_pair_member(path, tensors, architecture="made-up", **{KEY: WIDE}))
    return found


def types_in(path: Path) -> dict[str, str]:
    return {name: tensor.type.name for name, tensor in open_model(path).tensors.items()}


def command(kind: str, pair: list[Path], out: Path, *words: str) -> list[str]:
    if kind == "merge":
        return ["merge", *map(str, pair), "--t", "0.5", "-o", str(out), *words]
    return ["quantize", str(pair[0]), str(out), *words]


SAID = (
    "2 tensors of width 288 get Q5_0 instead of Q4_K (such as blk.0.attn_q.weight)",
    "2 tensors of width 40 get F16 instead of Q4_K (such as blk.0.ffn_up.weight)",
)


@pytest.mark.parametrize("kind", ["merge", "quantize"])
@pytest.mark.parametrize("type", ["Q4_K", "Q4_K_S"])
def test_types_that_are_taken_instead_are_said(kind, type, pair, tmp_path, capsys):
    assert main(command(kind, pair, tmp_path / "o.gguf", "--out-type", type)) == 0
    said = capsys.readouterr().err
    assert types_in(tmp_path / "o.gguf")["blk.1.attn_q.weight"] == "Q5_0"
    assert SAID[1] in said and "of width 288 get Q5_0 instead of Q4_K" in said
    assert "of width 512" not in said


@pytest.mark.parametrize("kind", ["merge", "quantize"])
def test_without_fallback_they_are_refused_before_any_work(kind, pair, tmp_path, capsys):
    out = tmp_path / "o.gguf"
    assert main(command(kind, pair, out, "--out-type", "Q4_K_M", "--no-fallback")) == 3
    assert "288 wide and cannot be" in capsys.readouterr().err
    assert not out.exists()
    assert main(command(kind, pair, out, "--out-type", "F16", "--no-fallback")) == 0


@pytest.mark.parametrize("out_type", ["F16", "like-a", "Q8_0"])
def test_patterns_on_rows_that_they_do_not_fit_are_said(out_type, pair, tmp_path, capsys):
    words = ["--out-type", out_type, "--part-type", "attn=Q4_K"]
    options = command("merge", pair, tmp_path / "o.gguf", *words[:2]) + words[2:]
    assert main(options) == 0
    assert SAID[0] in capsys.readouterr().err
    assert types_in(tmp_path / "o.gguf")["blk.1.attn_q.weight"] == "Q5_0"
    assert main([*options, "--force", "--no-fallback"]) == 3


def test_patterns_of_a_float_mix_are_fitted_in_quantize_too(pair, tmp_path, capsys):
    words = command("quantize", pair, tmp_path / "o.gguf", "--out-type", "F16")
    assert main([*words, "--tensor-type", "attn_q=Q6_K"]) == 0
    assert "get Q8_0 instead of Q6_K" in capsys.readouterr().err
    assert types_in(tmp_path / "o.gguf")["blk.0.attn_q.weight"] == "Q8_0"


def test_one_line_for_each_width_and_pair_of_types():
    matrices = [Matrix("a", (288, 4)), Matrix("b", (288, 4)), Matrix("c", (256, 4))]
    found = fallbacks({"a": "Q4_K", "b": "Q6_K", "c": "Q4_K"}, matrices)
    assert found == [Fallback("a", 288, "Q4_K", "Q5_0"), Fallback("b", 288, "Q6_K", "Q8_0")]
    assert list(notes_on(found)) == [
        "1 tensor of width 288 gets Q5_0 instead of Q4_K (a): rows do not fill its blocks",
        "1 tensor of width 288 gets Q8_0 instead of Q6_K (b): rows do not fill its blocks",
    ]
