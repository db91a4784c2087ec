"""The trainable model over quantized rows, held to transformers and PEFT (tests/oracles/train)."""

from pathlib import Path

import numpy as np
import pytest

from tests.edgemed import tiny_decoders as tiny

torch = pytest.importorskip("torch", reason="torch is not installed (extra `train`)")

FIXTURE = Path(__file__).parents[1] / "data" / "lora_gradients.npz"


WAYS = ("lora", "rslora", "dora")


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_loss_and_gradients_are_those_of_transformers_and_peft(
    kind: str, way: str, tmp_path: Path
) -> None:
    from edgemed.training.adapt import attach
    from edgemed.training.schedule import RunSettings
    from edgemed.training.trainable import load_trainable

    _, model = load_trainable(tiny.write_decoder(tmp_path / "m.gguf", kind))
    settings = RunSettings(tiny.RANK, tiny.ALPHA, rslora=way == "rslora", dora=way == "dora")
    paths = attach(model, settings)
    for name, (a, b) in tiny.pairs(kind).items():
        given = {"a": a, "b": b, "lengths": tiny.lengths(kind)[name]}
        for part, parameter in paths[name].named_parameters():
            parameter.data = torch.tensor(given[part])
    ids = torch.tensor([i for row in tiny.sequences() for i in row])
    weights = torch.cat(
        [
            (torch.arange(n) >= n - m).float()
            for n, m in zip(tiny.LENGTHS, tiny.ANSWERS, strict=True)
        ]
    )
    from edgemed_models.trainable.transformer import Packing

    loss = model.loss(ids, Packing(tiny.LENGTHS), weights)
    loss.backward()
    with np.load(FIXTURE) as wanted:
        assert loss.item() == pytest.approx(float(wanted[f"{way}/{kind}/loss"]), rel=1e-5)
        for name, path in paths.items():
            parts = dict(path.named_parameters())
            assert len(parts) == (3 if way == "dora" else 2)
            for part, parameter in parts.items():
                right, found = wanted[f"{way}/{kind}/{name}.{part}"], parameter.grad.numpy()
                off = np.linalg.norm(found - right) / np.linalg.norm(right)
                assert off < 1e-4, (name, part, off)


def test_dora_begins_as_the_model_it_is_beside(tmp_path: Path) -> None:
    from edgemed_models.trainable.transformer import Packing

    from edgemed.training.adapt import attach
    from edgemed.training.schedule import RunSettings
    from edgemed.training.trainable import load_trainable

    _, model = load_trainable(tiny.write_decoder(tmp_path / "m.gguf", "llama"))
    ids, packing = torch.tensor(tiny.sequences()[0]), Packing((7,))
    with torch.no_grad():
        plain = model.hidden(ids, packing)
        attach(model, RunSettings(rank=2, alpha=4, dora=True))
        assert torch.allclose(model.hidden(ids, packing), plain, atol=1e-5)


def test_a_sequence_does_not_see_the_one_packed_before_it(tmp_path: Path) -> None:
    from edgemed_models.trainable.transformer import Packing

    from edgemed.training.trainable import load_trainable

    _, model = load_trainable(tiny.write_decoder(tmp_path / "m.gguf", "llama"))
    first, second, _ = tiny.sequences()
    with torch.no_grad():
        packed = model.hidden(torch.tensor(first + second), Packing((7, 5)))[7:]
        alone = model.hidden(torch.tensor(second), Packing((5,)))
    assert torch.allclose(packed, alone, atol=1e-5)


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("keep", [False, True])
def test_what_prompts_begin_with_is_computed_once_and_learned_from_as_often(
    kind: str, keep: bool, tmp_path: Path
) -> None:
    from edgemed_models.trainable.transformer import Packing

    from edgemed.training.adapt import attach
    from edgemed.training.encoded import Encoded
    from edgemed.training.packing import computed, packed
    from edgemed.training.schedule import RunSettings
    from edgemed.training.trainable import load_trainable

    _, model = load_trainable(tiny.write_decoder(tmp_path / "m.gguf", kind))
    paths = attach(model, RunSettings(rank=2, alpha=4))
    for path in paths.values():
        torch.nn.init.normal_(path.b, std=0.1, generator=torch.Generator().manual_seed(3))
    begun = tiny.sequences()[0][:4]
    rows = [Encoded((*begun, *rest), 2) for rest in tiny.sequences()]
    ids, packing, weights = packed(rows)
    assert packing.shared == 4 and len(ids) == computed(rows) == sum(tiny.LENGTHS) + 4
    apart = (
        torch.tensor([i for row in rows for i in row.ids]),
        Packing(tuple(len(row.ids) for row in rows)),
        torch.cat([(torch.arange(len(r.ids)) >= len(r.ids) - r.answer).float() for r in rows]),
    )
    found = {}
    for name, way in {"shared": (ids, packing, weights), "apart": apart}.items():
        model.keep = keep and name == "shared"
        model.zero_grad()
        loss = model.loss(*way)
        loss.backward()
        found[name] = [loss.item(), *(p.a.grad.clone() for p in paths.values())]
    assert found["shared"][0] == pytest.approx(found["apart"][0], rel=1e-5)
    for one, other in zip(found["shared"][1:], found["apart"][1:], strict=True):
        assert torch.norm(one - other) < 1e-4 * torch.norm(other)
