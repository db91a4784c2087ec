"""All weights trained: gradients as finite differences give them; the file has what was trained."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from edgemed_models.scale import path_of

from edgemed.gguf import open_model
from tests.edgemed import tiny_decoders as tiny

torch = pytest.importorskip("torch", reason="torch is not installed (extra `train`)")

STEP = 1e-2


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_gradients_are_those_of_finite_differences(kind: str, tmp_path: Path) -> None:
    """Along one direction for each tensor: the loss a step to either side."""
    from edgemed_models.trainable.opened import open_weights
    from edgemed_models.trainable.transformer import Packing

    from edgemed.training.trainable import load_trainable

    path = tiny.write_decoder(tmp_path / "m.gguf", kind)
    _, model = load_trainable(path)
    opened = open_weights(model)
    trained = {name for name in open_model(path).tensors if not name.startswith("rope_freqs")}
    assert set(opened) == trained
    ids = torch.tensor([i for row in tiny.sequences() for i in row])
    weights = torch.ones(len(ids))
    weights[[0, *np.cumsum(tiny.LENGTHS)[:-1].tolist()]] = 0
    packing = Packing(tiny.LENGTHS)
    model.loss(ids, packing, weights).backward()
    random = torch.Generator().manual_seed(0)
    for name, weight in opened.items():
        direction = torch.randn(weight.shape, generator=random)
        direction /= direction.norm()
        sides = []
        with torch.no_grad():
            for way in (1, -2):
                weight += way * STEP * direction
                sides.append(model.loss(ids, packing, weights).item())
            weight += STEP * direction
        slope = (sides[0] - sides[1]) / (2 * STEP)
        found = float((weight.grad * direction).sum())
        assert found == pytest.approx(slope, rel=0.03, abs=2e-3), name


def test_the_file_has_the_weights_with_the_best_loss(tmp_path: Path) -> None:
    from edgemed.training.trainable import load_trainable
    from models.partner import full

    model, work = path_of("instruct"), tmp_path / "work"
    work.mkdir()
    rows = [
        {"prompt": f"Dose {n} mg?", "completion": f"The patient takes {n} mg."}
        for n in range(40, 61)
    ]
    examples = work / "examples.jsonl"
    examples.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (work / "rows.json").write_text("{}", "utf-8")
    args = argparse.Namespace(
        model=model, work=work, longest=600, longest_visit=600, batch_tokens="150",
        held_out="0.1", threads="1",
    )  # fmt: skip
    assert full.run(args, examples) == 0
    card = json.loads((work / "full.gguf.json").read_text("utf-8"))
    best = min(point["held"] for point in card["curve"])
    assert best < 0.9 * card["curve"][0]["held"]
    _, again = load_trainable(work / "full.gguf")
    data = full.encode_for(model, None, full.read_examples(examples), 600)
    assert full.Whole(again, data, full.settings_of(args)).held_loss() == pytest.approx(
        best, rel=1e-4
    )
    assert {t.type.name for t in open_model(work / "full.gguf").tensors.values()} == {"F32"}
    assert sorted(path.name for path in work.iterdir()) == [
        "examples.jsonl", "full.gguf", "full.gguf.json", "rows.json",
    ]  # fmt: skip
