"""Every merge method gives what its paper's formula gives, in float64 and on whole arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemed.errors import EdgemedError, UsageError
from edgemed.merging.methods import deltas, select
from edgemed.merging.methods.select import NOWHERE, SAMPLE, border, borders, order_statistics
from edgemed.merging.methods.table import METHODS
from tests.edgemed.streams import merged, stream_of
from tests.oracles import methods as oracle

SHAPE = (7, 96)


def family(count: int, spread: float = 0.3, shape: tuple[int, ...] = SHAPE, seed: int = 0):
    """A base and `count` relatives of it, float32."""
    rng = np.random.default_rng(seed)
    base = rng.standard_normal(shape).astype(np.float32)
    noise = [rng.standard_normal(shape).astype(np.float32) for _ in range(count)]
    return [base, *(base + np.float32(spread) * n for n in noise)]


def doubles(arrays):
    return [a.astype(np.float64) for a in arrays]


def close(found, expected, tolerance=2e-6):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_linear_weights_are_normalized_unless_told_otherwise():
    x = family(2)
    weight = [1.0, 0.3, 0.5]
    close(merged("linear", x, weight=weight), oracle.linear(doubles(x), weight))
    close(
        merged("linear", x, weight=weight, normalize=False),
        oracle.linear(doubles(x), weight, normalize=False),
    )


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("spread", [0.01, 0.5, 3.0])
def test_slerp(t, spread):
    x = family(1, spread)
    close(merged("slerp", x, t=t), oracle.slerp(*doubles(x), t))


def test_nuslerp_takes_its_t_from_the_weights_and_stays_on_the_circle_when_nearly_straight():
    x = family(1, 0.01)
    close(merged("nuslerp", x, weight=[3.0, 1.0]), oracle.slerp(*doubles(x), 0.25, straight=1.0))


def test_nuslerp_with_a_base_goes_along_the_deltas():
    x = family(2)
    base, a, b = doubles(x)
    found = merged("nuslerp", x, weight=[1.0, 2.0], based=True)
    close(found, base + oracle.slerp(a - base, b - base, 2 / 3))


@pytest.mark.parametrize("row_wise", [False, True])
@pytest.mark.parametrize("based", [False, True])
def test_nuslerp_by_rows_and_by_columns(row_wise, based):
    x = family(2)
    base, a, b = doubles(x)
    axis = 0 if row_wise else -1
    found = merged(
        "nuslerp", x if based else x[1:], based=based, weight=[1.0, 1.0],
        nuslerp_flatten=False, nuslerp_row_wise=row_wise,
    )  # fmt: skip
    expected = base + oracle.along(axis, a - base, b - base, 0.5)
    close(found, expected if based else oracle.along(axis, a, b, 0.5))


ANGLES = {
    "slerp": (lambda a, b, t: oracle.slerp(a, b, t), {}),
    "nuslerp": (lambda a, b, t: oracle.slerp(a, b, t, straight=1.0), {}),
    "multislerp": (lambda a, b, t: oracle.multislerp([a, b], [1 - t, t]), {}),
    "karcher": (lambda a, b, t: oracle.karcher([a, b], [1 - t, t]), {"max_iter": 99, "tol": 1e-10}),
}
"""Method -> its oracle, and what makes it as exact as that."""


@pytest.mark.parametrize("spread", [0.01, 2.0])
@pytest.mark.parametrize("vectors", [None, "linear", "sphere"])
@pytest.mark.parametrize("method", ANGLES)
def test_methods_of_angles_mix_vectors_linearly_or_along_the_sphere(method, vectors, spread):
    x = [a.reshape(-1) for a in family(1, spread)]
    given = {"t": 0.25} if method == "slerp" else {"weight": [0.75, 0.25]}
    on_sphere, exact = ANGLES[method]
    more = {"vectors": vectors} if vectors else {}
    found = merged(method, x, **given, **more, **exact)
    linear = oracle.linear(doubles(x), [0.75, 0.25])
    close(found, on_sphere(*doubles(x), 0.25) if vectors == "sphere" else linear)


@pytest.mark.parametrize("method", ["nuslerp", "multislerp"])
def test_deltas_of_vectors_go_along_the_sphere_as_well(method):
    x = [a.reshape(-1) for a in family(2)]
    base, a, b = doubles(x)
    found = merged(method, x, weight=[0.75, 0.25], based=True, vectors="sphere")
    close(found, base + ANGLES[method][0](a - base, b - base, 0.25))


def test_rows_and_columns_of_a_vector_are_the_vector():
    x = [a.reshape(-1) for a in family(1, 2.0)]
    given = {"weight": [1.0, 1.0], "vectors": "sphere", "nuslerp_flatten": False}
    for row_wise in (False, True):
        found = merged("nuslerp", x, nuslerp_row_wise=row_wise, **given)
        close(found, oracle.slerp(*doubles(x), 0.5, straight=1.0))


@pytest.mark.parametrize("method", ["nuslerp", "multislerp", "karcher"])
def test_biases_of_zeros_stay_zeros(method):
    zeros = [np.zeros(96, np.float32)] * (2 if method == "nuslerp" else 3)
    found = merged(method, zeros, weight=[1.0] * len(zeros), vectors="sphere")
    np.testing.assert_array_equal(found, zeros[0])


@pytest.mark.parametrize("method", ANGLES)
def test_there_are_two_ways_for_vectors(method):
    with pytest.raises(UsageError, match="vectors is 'round'"):
        METHODS[method].check("blk.0.attn_q.weight", vectors="round")


def test_multislerp_with_and_without_a_base():
    x = family(3)
    base, *models = doubles(x)
    weight = [1.0, 2.0, 0.5]
    close(merged("multislerp", x[1:], weight=weight), oracle.multislerp(models, weight))
    expected = base + oracle.multislerp([m - base for m in models], weight)
    close(merged("multislerp", x, weight=weight, based=True), expected)


def test_multislerp_of_directions_that_cancel_is_an_error_that_names_the_tensor():
    a = family(0)[0]
    with pytest.raises(EdgemedError, match="attn_q"):
        merged("multislerp", [a, -a, np.zeros_like(a)], weight=[1.0, 1.0, 1.0])


@pytest.mark.parametrize("weight", [[1.0, 1.0, 1.0], [1.0, 0.2, 3.0]])
def test_karcher_reaches_the_point_where_the_gradient_vanishes(weight):
    x = family(2, 1.0)
    found = merged("karcher", x, weight=weight, max_iter=100, tol=1e-10)
    close(found, oracle.karcher(doubles(x), weight), 1e-5)


def test_karcher_of_two_models_is_slerp_of_their_directions():
    a, b = family(1, 1.0)
    b = b * np.float32(np.linalg.norm(a) / np.linalg.norm(b))
    found = merged("karcher", [a, b], weight=[0.7, 0.3], max_iter=50, tol=1e-9)
    close(found, oracle.slerp(*doubles([a, b]), 0.3), 1e-5)


@pytest.mark.parametrize("normalize", [False, True])
def test_task_arithmetic(normalize):
    x = family(2)
    base, a, b = doubles(x)
    share = 1.5 if normalize else 1.0
    expected = base + 0.5 * (1.0 * (a - base) + 0.5 * (b - base)) / share
    found = merged("task_arithmetic", x, weight=[1.0, 0.5], normalize=normalize, **{"lambda": 0.5})
    close(found, expected)


def test_instruction_residual_adds_what_instruction_tuning_added():
    base, domain, instruct = family(2)
    close(merged("instruction_residual", [base, domain, instruct]), domain + instruct - base)


@pytest.mark.parametrize("density", [[0.2, 0.7], [1.0, 1.0]])
@pytest.mark.parametrize("normalize", [False, True])
def test_ties(density, normalize):
    x = family(2)
    base, *models = doubles(x)
    d = [m - base for m in models]
    d = [v * oracle.largest(v, share) for v, share in zip(d, density, strict=True)]
    expected = base + 0.8 * oracle.elected(d, [0.6, 1.0], normalize)
    found = merged(
        "ties", x, weight=[0.6, 1.0], density=density, normalize=normalize, **{"lambda": 0.8}
    )
    close(found, expected)


def test_ties_rescaled_keeps_the_sum_of_magnitudes():
    x = family(1)
    base, a = doubles(x)
    d = a - base
    found = merged("ties", x, weight=[1.0], density=[0.3], rescale=True)
    close(found, base + oracle.rescaled(d, oracle.largest(d, 0.3)), 1e-5)


@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
@pytest.mark.parametrize("rescale", [False, True])
def test_dare(method, rescale):
    x = family(2)
    base, *models = doubles(x)
    stream = stream_of(x, True, seed=5)
    d = []
    for i, (model, share) in enumerate(zip(models, (0.4, 0.8), strict=True)):
        mask = oracle.random_mask(SHAPE, int(stream.key(i)), share)
        delta = model - base
        d.append(oracle.rescaled(delta, mask) if rescale else delta * mask)
    weight = [0.5, 0.9]
    change = (
        oracle.elected(d, weight, False) if "ties" in method else oracle.linear(d, weight, False)
    )
    found = merged(method, x, seed=5, weight=weight, density=[0.4, 0.8], rescale=rescale)
    close(found, base + change, 1e-5)


@pytest.mark.parametrize("method", ["della", "della_linear"])
def test_della(method):
    x = family(2)
    base, *models = doubles(x)
    stream = stream_of(x, True)
    d = []
    for i, model in enumerate(models):
        delta = (model.astype(np.float32) - x[0]).astype(np.float64)
        chance = oracle.rank_probabilities(delta, 0.5, 0.2)
        d.append(oracle.rescaled(delta, oracle.random_mask(SHAPE, int(stream.key(i)), chance)))
    weight = [0.5, 1.0]
    total = sum(weight)
    change = (
        oracle.linear(d, weight, False) if method == "della_linear"
        else oracle.elected(d, weight)
    )  # fmt: skip
    found = merged(method, x, weight=weight, density=0.5, epsilon=0.2)
    assert total == 1.5
    close(found, base + change, 1e-5)


@pytest.mark.parametrize("method", ["breadcrumbs", "breadcrumbs_ties"])
@pytest.mark.parametrize(("density", "gamma"), [(0.5, 0.1), (0.95, 0.1), (0.5, 0.0)])
def test_breadcrumbs(method, density, gamma):
    x = family(2)
    base, *models = doubles(x)
    d = [(m - base) * oracle.inner(m - base, density, gamma) for m in models]
    change = oracle.linear(d, [1.0, 0.5], False)
    if method == "breadcrumbs_ties":
        change = oracle.elected(d, [1.0, 0.5], False)
    close(merged(method, x, weight=[1.0, 0.5], density=density, gamma=gamma), base + change)


@pytest.mark.parametrize("topk", [1.0, 0.3])
def test_sce(topk):
    x = family(3)
    base, *models = doubles(x)
    close(merged("sce", x, select_topk=topk), oracle.sce(base, models, topk))


def test_ram_adds_what_one_changed_and_averages_what_several_changed():
    x = sparse_family()
    base, *models = doubles(x)
    close(merged("ram", x, epsilon=0.01), oracle.ram(base, models, 0.01))
    found = merged("ramplus_tl", x, epsilon=0.01, r=0.1, alpha=0.2)
    close(found, oracle.ram(base, models, 0.01, 0.1, 0.2))


def sparse_family():
    """A base and three models that each changed a third of it."""
    x = family(3)
    rng = np.random.default_rng(1)
    return [x[0], *(np.where(rng.random(SHAPE) < 0.33, m, x[0]) for m in x[1:])]


def test_model_stock_over_the_tensor_and_over_rows():
    base, *models = family(3)
    shared = (models[0] - base) * np.float32(0.8)
    x = [base, *(m + shared for m in models)]
    exact = doubles(x)
    close(merged("model_stock", x), oracle.model_stock(exact[0], exact[1:]), 1e-5)
    rows = [oracle.model_stock(exact[0][i], [m[i] for m in exact[1:]]) for i in range(SHAPE[0])]
    close(merged("model_stock", x, filter_wise=True), np.array(rows), 1e-5)


def test_nearswap_takes_the_others_elements_where_they_are_near():
    x = family(1, 0.01)
    x[1][0] = x[0][0]
    close(merged("nearswap", x, t=0.005), oracle.nearswap(*doubles(x), 0.005))


def test_arcee_fusion_takes_the_important_elements():
    x = family(1)
    importance, least = oracle.arcee_fusion(*doubles(x))
    found = merged("arcee_fusion", x)
    sure = np.abs(importance - least) > 1e-4 * least
    taken = importance >= least
    assert 0.01 < taken.mean() < 0.3
    expected = np.where(taken, x[1], x[0])
    close(found[sure], expected[sure])


def test_passthrough_scales():
    (x,) = family(0)
    close(merged("passthrough", [x], scale=[0.5]), 0.5 * x.astype(np.float64))


@pytest.mark.parametrize("rank", [0, 2])
def test_orthogonal_projects_the_second_delta_off_the_first(rank):
    x = family(2, shape=(40, 32))
    x[1] = x[0] + low_rank(40, 32)
    base, a, b = doubles(x)
    change = 0.9 * (a - base) + 0.5 * oracle.projected_off(b - base, a - base, rank)
    close(merged("orthogonal", x, weight=[0.9, 0.5], rank=rank), base + change, 1e-5)


def low_rank(rows, columns):
    """A delta with two strong directions and a little noise."""
    rng = np.random.default_rng(4)
    strong = rng.standard_normal((rows, 2)) @ rng.standard_normal((2, columns))
    return (strong + 0.01 * rng.standard_normal((rows, columns))).astype(np.float32)


@pytest.mark.parametrize("rank", [0, 2])
def test_orthogonal_says_how_much_the_deltas_overlapped(rank):
    x = family(2, shape=(40, 32))
    x[1] = x[0] + low_rank(40, 32)
    base, a, b = doubles(x)
    d, left = b - base, oracle.projected_off(b - base, a - base, rank)
    inside = np.sqrt((d**2).sum() - (left**2).sum()) / np.sqrt((d**2).sum())
    mix = METHODS["orthogonal"].function(stream_of(x, True), weight=(1.0, 1.0), rank=rank)
    assert mix.facts["overlap before"] == pytest.approx(inside, rel=1e-4)
    assert mix.facts["overlap after"] < 1e-6


def test_decouple_keeps_what_the_models_agree_on():
    x = family(3)
    base, *models = doubles(x)
    wd = np.array([m - base for m in models])
    agreed = np.abs(wd.sum(axis=0)) >= 0.7 * np.abs(wd).sum(axis=0)
    assert 0.1 < agreed.mean() < 0.9
    found = merged("decouple", x, consensus=0.7, density=1.0)
    close(found, base + wd.sum(axis=0) * agreed)


def test_decouple_transfers_one_group_alone():
    alone = METHODS["decouple"].alone
    given = {"weight": (1.0,), "density": (1.0,), "consensus": 0.0}
    assert alone("ffn", keep="attn", **given) == 0
    assert alone("attn", keep="attn", **given) is None
    assert alone("norm", keep="all", **given) is None


def test_della_refuses_probabilities_outside_0_to_1():
    with pytest.raises(UsageError, match=r"density 0\.9"):
        METHODS["della"].check("x", density=(0.9,), epsilon=(0.15,))


EVERY = {
    name: {"weight": 1.0, "t": 0.4, "density": 0.6, "select_topk": 0.5, "rank": 2, "scale": 0.7}
    for name in METHODS
}


@pytest.mark.parametrize("name", METHODS)
def test_the_result_does_not_depend_on_how_rows_are_divided(name):
    count = {"passthrough": 1, "linear": 3, "karcher": 3}.get(name, METHODS[name].most or 2)
    x = family(count, shape=(23, 130))
    x = x if METHODS[name].base == "required" else x[:count]
    given = {k: v for k, v in EVERY[name].items() if k in METHODS[name].parameters}
    one = merged(name, x, at_once=23, **given)
    for at_once in (1, 5):
        assert merged(name, x, at_once=at_once, **given).tobytes() == one.tobytes()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("models", [2, 3, 4])
def test_no_method_hides_a_number_that_is_none(name, value, models):
    """With three models or more a method could pick another one's element (a median does)."""
    count = min(models, METHODS[name].most or models)
    x = family(count, shape=(4, 64))
    x = x if METHODS[name].base == "required" else x[:count]
    x[-1][2, 5] = value
    given = {k: v for k, v in EVERY[name].items() if k in METHODS[name].parameters}
    with np.errstate(all="ignore"):
        try:
            assert not np.isfinite(merged(name, x, **given)).all()
        except EdgemedError as error:
            assert "attn_q" in error.message


@pytest.mark.parametrize("name", [n for n in METHODS if METHODS[n].base == "required"])
def test_models_that_are_their_base_change_nothing(name):
    base = family(0)[0]
    x = [base] * (1 + (METHODS[name].most or 2))
    given = {k: v for k, v in EVERY[name].items() if k in METHODS[name].parameters}
    if name == "instruction_residual":
        given = {}
    close(merged(name, x, **given), base, 1e-6)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    ranks=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    kind=st.sampled_from(["normal", "few values", "zeros", "rising rows"]),
    room=st.sampled_from([0, 3000, select.ROOM]),
)
def test_order_statistics_are_exact(seed, ranks, kind, room):
    """Whether values are collected or counted, which `room` decides."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((300, 1024)).astype(np.float32)
    if kind == "few values":
        x = np.round(x).astype(np.float32)
    elif kind == "zeros":
        x[rng.random(x.shape) < 0.9] = 0.0
    elif kind == "rising rows":
        x *= np.geomspace(1e-6, 1e3, 300, dtype=np.float32)[:, None]
    assert x.size > SAMPLE
    at = [int(r * (x.size - 1)) for r in ranks]
    stream = stream_of([np.zeros_like(x), x], True, at_once=50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "ROOM", room)
        (found,) = order_statistics(stream, deltas.magnitudes, [at])
    order = np.sort(np.abs(x), axis=None)
    assert [one.value for one in found] == order[at].tolist()
    wanted = []
    for one in found:
        first = np.searchsorted(order, np.float32(one.value), side="left")
        end = np.searchsorted(order, np.float32(one.value), side="right")
        assert (one.below, one.equal) == (first, end - first)
        for number in {0, one.equal // 2, one.equal - 1, one.equal}:
            equals = np.flatnonzero(np.abs(x).reshape(-1) == np.float32(one.value))
            expected = equals[number] if number < equals.size else NOWHERE
            assert border(stream, deltas.magnitudes, one, int(number)).place == expected
            wanted.append((one, int(number)))
    alone = [border(stream, deltas.magnitudes, *each) for each in wanted]
    assert borders(stream, deltas.magnitudes, wanted) == alone


def test_masks_depend_on_seed_tensor_and_model():
    x = family(1)
    keys = {int(stream_of(x, True, seed=s).key(i)) for s in (0, 1) for i in (0, 1)}
    assert len(keys) == 4
