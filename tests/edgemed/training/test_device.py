"""Other places and numbers than float32 on the processor: what is refused, and that the loss stays.

No card is at hand where tests run; what keeps decoded matrices is tried on the processor.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgemed.errors import Refused
from edgemed.training import device
from edgemed.training.memory import needs, needs_of_card, planned
from tests.edgemed import tiny_decoders as tiny
from tests.edgemed.training.test_memory import SIZES

torch = pytest.importorskip("torch", reason="torch is not installed (extra `train`)")


def learned(path: Path, bf16: bool = False, once: bool = False) -> tuple[float, Any]:
    """The loss of some sequences and its gradient, with adapters that are not zero."""
    from edgemed_models.trainable.placing import Placing
    from edgemed_models.trainable.transformer import Packing

    from edgemed.training.adapt import attach
    from edgemed.training.schedule import RunSettings
    from edgemed.training.trainable import load_trainable

    _, model = load_trainable(path, Placing(dtype=torch.bfloat16 if bf16 else torch.float32))
    if once:
        model.decode_once()
    paths = attach(model, RunSettings(2, 4))
    random = torch.Generator().manual_seed(1)
    for adapter in paths.values():
        torch.nn.init.normal_(adapter.b, std=0.05, generator=random)
    ids = torch.tensor([i for row in tiny.sequences() for i in row])
    weights = torch.cat([(torch.arange(n) >= n - 2).float() for n in tiny.LENGTHS])
    loss = model.loss(ids, Packing(tiny.LENGTHS), weights)
    loss.backward()
    trained = [p.grad for adapter in paths.values() for p in adapter.parameters()]
    return loss.item(), torch.cat([grad.flatten() for grad in trained])


def alike(a: Any, b: Any) -> float:
    """The cosine of two gradients."""
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_matrices_that_are_decoded_once_give_the_same(kind: str, tmp_path: Path) -> None:
    path = tiny.write_decoder(tmp_path / "m.gguf", kind)
    loss, gradient = learned(path)
    kept, same = learned(path, once=True)
    assert kept == pytest.approx(loss, rel=1e-6) and alike(gradient, same) > 0.999999


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_bf16_differs_from_float32_by_its_rounding(kind: str, once: bool, tmp_path: Path) -> None:
    path = tiny.write_decoder(tmp_path / "m.gguf", kind)
    loss, gradient = learned(path)
    near, other = learned(path, bf16=True, once=once)
    assert near != loss and near == pytest.approx(loss, rel=0.02)
    assert other.dtype == torch.float32 and alike(gradient, other) > 0.98
    assert torch.tensor(near).bfloat16().item() != near  # the sum has more digits than bf16


def test_bf16_is_refused_where_the_processor_does_not_multiply_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "get_host_cpu_features", lambda: {"avx2": True})
    with pytest.raises(Refused, match="cannot multiply in bf16"):
        device.placing_of("cpu", True)
    monkeypatch.setattr(device, "get_host_cpu_features", lambda: {"avx512bf16": True})
    assert device.placing_of("cpu", True).dtype is torch.bfloat16
    assert device.placing_of("cpu", False).dtype is torch.float32


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_a_card_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused, match="no CUDA card"):
        device.placing_of("cuda", True)


def test_a_card_decodes_once_what_fits_and_block_by_block_what_does_not() -> None:
    sizes = replace(SIZES, decoded=135_000_000)
    ways = list(needs_of_card(sizes, 5_000_000, 1500, 2))
    assert [(w.once, w.kept) for w in ways] == [(1, 1), (1, 0), (0, 1), (0, 0)]
    assert planned(ways, 80 << 30) is ways[0] and ways[0].parts["decoded matrices"] == 270_000_000
    assert planned(ways, ways[1].total) is ways[1]
    assert planned(ways, ways[3].total) is ways[3] and ways[3].model == 0
    with pytest.raises(Refused):
        planned(ways, ways[3].total - 1)


def test_numbers_of_two_bytes_take_half_the_activations() -> None:
    wide, narrow = (next(needs(SIZES, 5_000_000, 1500, n)) for n in (4, 2))
    assert wide.activations == 2 * narrow.activations and wide.adapters == narrow.adapters
