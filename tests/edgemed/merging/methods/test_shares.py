"""Methods that select by size keep exactly the share asked, whatever is equal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemed.cli.main import main
from edgemed.gguf import open_model
from edgemed.merging.methods import deltas
from edgemed.merging.methods.experts import prepared
from edgemed.merging.methods.table import METHODS
from tests.edgemed.merge_pairs import read_tensors, weights, write_pair_member
from tests.edgemed.streams import merged, stream_of
from tests.oracles import methods as oracle


def kept(trim, d):
    """Which elements a trim leaves, taken a few rows at a time."""
    left = []
    for first in range(0, len(d), 3):
        part = np.ones_like(d[first : first + 3]) * d[first : first + 3]
        trim.keep(part, first, np.float32(1))
        left.append(part)
    return np.concatenate(left)


KINDS = {
    "flat": lambda rng, shape: np.where(rng.random(shape) < 0.64, 0.5, 0.25),
    "three sizes": lambda rng, shape: rng.integers(1, 4, shape) / 8,
    "all one": lambda rng, shape: np.ones(shape),
    "mostly zero": lambda rng, shape: (rng.random(shape) < 0.1) * rng.integers(1, 3, shape),
    "few values": lambda rng, shape: np.round(rng.standard_normal(shape) * 4) / 4,
    "all different": lambda rng, shape: rng.permutation(np.arange(1, 1 + np.prod(shape))).reshape(
        shape
    ),
}


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    density=st.floats(0, 0.999),
    gamma=st.sampled_from([0.0, 0.01, 0.1, 0.5]),
    shape=st.sampled_from([(1, 7), (7, 96), (64, 130), (300, 1024)]),
    at_once=st.integers(1, 400),
    seed=st.integers(0, 99),
)
def test_exactly_the_share_is_kept_lowest_indices_first(kind, density, gamma, shape, at_once, seed):
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], shape)
    d = (KINDS[kind](rng, shape) * signs).astype(np.float32)
    stream = stream_of([np.zeros_like(d), d], True, at_once)
    (trim,) = deltas.without_outliers(stream, (density,), (gamma,))
    mask = oracle.inner(d, density, gamma)
    assert mask.sum() == int(density * d.size)
    np.testing.assert_array_equal(kept(trim, d), d * mask)


@pytest.mark.parametrize("at_once", [1, 3, 1000])
@pytest.mark.parametrize("method", ["ties", "breadcrumbs", "breadcrumbs_ties", "decouple"])
def test_methods_by_size(method, at_once):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((40, 64)).astype(np.float32)
    flat = rng.choice([-0.5, 0.5], base.shape).astype(np.float32)
    base = np.round(base * 8).astype(np.float32) / 8
    given = {"density": 0.2, "weight": 1.0}
    given |= {"keep": "attn"} if method == "decouple" else {}
    found = merged(method, [base, base + flat], at_once=at_once, **given)
    gamma = 0.01 if "breadcrumbs" in method else 0.0
    mask = oracle.inner(flat, 0.2, gamma)
    assert mask.sum() == int(0.2 * base.size)
    np.testing.assert_array_equal(found, base + flat * mask)


@pytest.mark.parametrize("at_once", [1, 3, 1000])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.7, 0.999])
def test_sce(share, at_once):
    rng = np.random.default_rng(1)
    base = np.zeros((40, 64), np.float32)
    models = [rng.choice([-0.5, 0.0, 0.25, 0.5], base.shape).astype(np.float32) for _ in range(2)]
    found = merged("sce", [base, *models], at_once=at_once, select_topk=share)
    np.testing.assert_allclose(found, oracle.sce(base, models, share), atol=1e-7)


def test_sce_of_no_share_is_the_base():
    x = [np.full((4, 8), v, np.float32) for v in (1, 2, 4)]
    np.testing.assert_array_equal(merged("sce", x, select_topk=0.01), x[0])


def test_every_expert_has_its_own_share():
    rng = np.random.default_rng(2)
    base = np.zeros((3 * 8, 32), np.float32)
    flat = rng.choice([-0.5, 0.5], base.shape).astype(np.float32)
    stream = stream_of([base, base + flat], True, at_once=5)
    function = METHODS["ties"].function
    given = {"weight": (1.0,), "density": (0.3,), "lambda_": 1.0, "normalize": True}
    mix = prepared(function, stream, 3, rescale=False, **given)
    out = []
    for first in range(0, 24, 4):
        x = stream.read(first, 4)
        mix.blend(x, first)
        out.append(x[0])
    counts = np.count_nonzero(np.concatenate(out).reshape(3, -1), axis=1)
    assert counts.tolist() == [int(0.3 * 8 * 32)] * 3


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q4_K", "F16"])
@pytest.mark.parametrize("density", ["0.05", "0.2"])
def test_merges_of_quantized_parents_keep_the_share_and_do_not_depend_on_threads(
    kind, density, tmp_path
):
    base = weights(0)
    rng = np.random.default_rng(3)
    tuned = {n: w + rng.normal(0, 0.02, w.shape).astype(np.float32) for n, w in base.items()}
    paths = [
        str(write_pair_member(tmp_path / f"{i}.gguf", w, kind)) for i, w in enumerate((base, tuned))
    ]
    outs = [tmp_path / "one.gguf", tmp_path / "two.gguf"]
    for out, words in zip(
        outs, (["--threads", "1"], ["--threads", "2", "--max-ram", "7M"]), strict=True
    ):
        given = ["--base", paths[0], "--method", "ties", "--set", f"density={density}"]
        given += ["--weight", "1", "--out-type", "F32", *words]
        assert main(["merge", paths[1], *given, "-o", str(out)]) == 0
    old, parent, new = (read_tensors(p) for p in (paths[0], paths[1], outs[0]))
    for name, tensor in open_model(outs[0]).tensors.items():
        share = int(float(density) * tensor.rows * tensor.row_length)
        changed = np.count_nonzero(parent[name] != old[name])
        assert np.count_nonzero(new[name] != old[name]) == min(share, changed), name
        other = open_model(outs[1]).tensors[name]
        assert bytes_of(tensor) == bytes_of(other)


def bytes_of(tensor):
    return tensor.path.read_bytes()[tensor.offset :][: tensor.nbytes]
