"""The trainable model over quantized rows, held to transformers and PEFT (tests/oracles/train)."""

from pathlib import Path

import numpy as np
import pytest

from tests.edgemed import tiny_decoders as tiny

torch = pytest.importorskip("torch", reason="torch is not installed (extra `train`)")

FIXTURE = Path(__file__).parents[1] / "data" / "lora_gradients.npz"


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_loss_and_gradients_are_those_of_transformers_and_peft(kind: str, tmp_path: Path) -> None:
    from edgemed_models.trainable.adapters import Lora

    from edgemed.training.trainable import load_trainable

    _, model = load_trainable(tiny.write_decoder(tmp_path / "m.gguf", kind))
    for name, (a, b) in tiny.pairs(kind).items():
        linear = model.linears()[name]
        lora = Lora(tiny.RANK, tiny.ALPHA / tiny.RANK, linear.matrix.rows, linear.matrix.length)
        lora.a.data, lora.b.data = torch.tensor(a), torch.tensor(b)
        linear.path = lora
    ids = torch.tensor([i for row in tiny.sequences() for i in row])
    weights = torch.cat(
        [
            (torch.arange(n) >= n - m).float()
            for n, m in zip(tiny.LENGTHS, tiny.ANSWERS, strict=True)
        ]
    )
    loss = model.loss(ids, tiny.LENGTHS, weights)
    loss.backward()
    with np.load(FIXTURE) as wanted:
        assert loss.item() == pytest.approx(float(wanted[f"{kind}/loss"]), rel=1e-5)
        for name in tiny.pairs(kind):
            path = model.linears()[name].path
            for part in "ab":
                right, found = wanted[f"{kind}/{name}.{part}"], getattr(path, part).grad.numpy()
                off = np.linalg.norm(found - right) / np.linalg.norm(right)
                assert off < 1e-4, (name, part, off)


def test_a_sequence_does_not_see_the_one_packed_before_it(tmp_path: Path) -> None:
    from edgemed.training.trainable import load_trainable

    _, model = load_trainable(tiny.write_decoder(tmp_path / "m.gguf", "llama"))
    first, second, _ = tiny.sequences()
    with torch.no_grad():
        packed = model.hidden(torch.tensor(first + second), (7, 5))[7:]
        alone = model.hidden(torch.tensor(second), (5,))
    assert torch.allclose(packed, alone, atol=1e-5)
