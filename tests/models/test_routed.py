"""Paths of several parts (MedCare), held to their slow twins in tests/oracles/medcare."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.oracles import medcare as slow

torch = pytest.importorskip("torch", reason="torch is not installed (extra `train`)")

from edgemed_models.trainable.adapters import Lora  # noqa: E402
from edgemed_models.trainable.routed import ACTIVE, EXPERTS, Aligned, Routed, gated  # noqa: E402

RANK, SCALE, ROWS, LENGTH, TOKENS = 2, 1.5, 4, 5, 6

logits = arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.just(EXPERTS)),
    elements=st.floats(-50, 50, width=32),
)


def drawn(path: torch.nn.Module, seed: int) -> torch.nn.Module:
    """The path with numbers everywhere, B included."""
    random = torch.Generator().manual_seed(seed)
    for parameter in path.parameters():
        parameter.data.normal_(generator=random)
    return path


def routed() -> Routed:
    return drawn(Routed(RANK, SCALE, ROWS, LENGTH).double(), 1)


def tokens() -> torch.Tensor:
    return torch.randn(TOKENS, LENGTH, generator=torch.Generator().manual_seed(2)).double()


def values(path: torch.nn.Module) -> dict[str, slow.F64]:
    return {name: p.detach().numpy().copy() for name, p in path.named_parameters()}


@given(logits)
@settings(deadline=None)
def test_two_experts_count_for_a_token_and_add_up_to_one(x: np.ndarray) -> None:
    found = gated(torch.from_numpy(x)).numpy()
    assert (found >= 0).all() and ((found > 0).sum(1) <= ACTIVE).all()
    assert found.sum(1) == pytest.approx(1, abs=1e-6)
    for row, weights in zip(x, found, strict=True):
        assert set(row[weights > 0]) <= set(np.sort(row)[-ACTIVE:])


@given(logits)
@settings(deadline=None)
def test_the_gate_is_the_softmax_over_all_cut_to_the_largest(x: np.ndarray) -> None:
    found = np.sort(gated(torch.from_numpy(x)).numpy())  # equal logits: either may be chosen
    wanted = np.sort([slow.gate(row.astype(np.float64)) for row in x])
    assert found == pytest.approx(wanted, abs=1e-6)


@given(logits, st.floats(-20, 20, width=32), st.permutations(range(EXPERTS)))
@settings(deadline=None)
def test_what_is_added_to_all_experts_and_their_order_change_nothing(
    x: np.ndarray, more: float, order: list[int]
) -> None:
    once = gated(torch.from_numpy(x).double())
    shifted = gated(torch.from_numpy(x).double() + more)
    assert torch.allclose(shifted.sort().values, once.sort().values, atol=1e-6)
    if all(len(set(row)) == EXPERTS for row in x.tolist()):
        assert torch.equal(gated(torch.from_numpy(x).double()[:, order]), once[:, order])


def test_a_routed_path_is_its_slow_twin_forward_and_backward() -> None:
    path, x = routed(), tokens()
    y = path(x, torch.zeros(TOKENS, ROWS).double())
    right = slow.routed(x.numpy(), values(path), SCALE, EXPERTS)
    assert y.detach().numpy() == pytest.approx(right, rel=1e-10, abs=1e-12)

    pulled = np.random.default_rng(3).normal(size=right.shape)
    (y * torch.from_numpy(pulled)).sum().backward()

    def pull(p: slow.Arrays) -> float:
        return float((slow.routed(x.numpy(), p, SCALE, EXPERTS) * pulled).sum())

    wanted = slow.by_differences(pull, values(path))
    for name, parameter in path.named_parameters():
        assert parameter.grad.numpy() == pytest.approx(wanted[name], rel=1e-5, abs=1e-6), name


def test_a_routed_path_that_begins_changes_nothing() -> None:
    path, x = Routed(RANK, SCALE, ROWS, LENGTH, torch.Generator().manual_seed(0)), tokens().float()
    y = torch.ones(TOKENS, ROWS)
    assert torch.equal(path(x, y), y)


def test_parts_add_up_and_a_dropped_one_is_gone() -> None:
    path, x, nothing = routed(), tokens(), torch.zeros(TOKENS, ROWS).double()
    found = {}
    for parts in ((), ("shared",), ("routed",), ("shared", "routed")):
        path.counted = parts
        found[parts] = path(x, nothing)
    assert not found[()].any()
    assert torch.equal(found["shared",], path.shared(x, nothing))
    assert torch.allclose(found["shared", "routed"], found["shared",] + found["routed",])


@pytest.mark.parametrize("parts", [("shared",), ("shared", "mean"), ("mean",)])
def test_what_a_routed_path_writes_is_what_it_computes(parts: tuple[str, ...]) -> None:
    path, x, nothing = routed(), tokens(), torch.zeros(TOKENS, ROWS).double()
    path.mean = torch.linspace(0.1, 0.8, EXPERTS).double()
    a, b = path.thin(parts)
    assert len(a) == b.shape[1] == RANK * (2 * ("shared" in parts) + EXPERTS * ("mean" in parts))
    path.counted = parts
    assert torch.allclose(path(x, nothing), SCALE * (x @ a.T @ b.T))


def test_what_is_routed_by_token_has_no_ordinary_form() -> None:
    with pytest.raises(KeyError):
        routed().thin(("shared", "routed"))


def test_the_mean_weights_are_those_of_all_tokens() -> None:
    path, x, nothing = routed(), tokens(), torch.zeros(TOKENS, ROWS).double()
    path.begin_tally()
    for part in (x[:4], x[4:]):
        path(part, nothing[: len(part)])
    path.end_tally()
    p = values(path)
    right = np.mean([slow.gate(p["gate"] @ t + p["bias"]) for t in x.numpy()], axis=0)
    assert path.mean.numpy() == pytest.approx(right, abs=1e-6)
    assert path.tally is None


def aligned() -> Aligned:
    path = Aligned(Lora(3, SCALE, ROWS, LENGTH), Lora(4, SCALE, ROWS, LENGTH)).double()
    return drawn(path, 4)


def test_the_overlap_and_its_gradients_are_those_of_the_slow_twin() -> None:
    path = aligned()
    found = path.overlap()
    found.backward()
    total, for_base, for_orth = slow.overlap(
        path.base.a.detach().numpy(), path.orth.a.detach().numpy()
    )
    assert found.item() == pytest.approx(total)
    assert path.base.a.grad.numpy() == pytest.approx(for_base)
    assert path.orth.a.grad.numpy() == pytest.approx(for_orth)
    assert path.base.b.grad is None and path.orth.b.grad is None


def test_paths_that_read_orthogonal_directions_do_not_overlap() -> None:
    path = aligned()
    with torch.no_grad():
        path.base.a[:, 2:], path.orth.a[:, :2] = 0, 0
    assert path.overlap().item() == 0


@pytest.mark.parametrize("parts", [("base",), ("orth",), ("base", "orth")])
def test_what_aligned_paths_write_is_what_they_compute(parts: tuple[str, ...]) -> None:
    path, x, nothing = aligned(), tokens(), torch.zeros(TOKENS, ROWS).double()
    path.counted = parts
    a, b = path.thin(parts)
    alone = sum(getattr(path, part)(x, nothing) for part in parts)
    assert torch.allclose(path(x, nothing), alone)
    assert torch.allclose(alone, SCALE * (x @ a.T @ b.T))
