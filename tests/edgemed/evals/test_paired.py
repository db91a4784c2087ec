"""The permutation test for pairs and Holm's correction, beside what is known of them."""

from itertools import product

import numpy as np
import pytest

from edgemed.evals.paired import EXCHANGES, compared, exchanges, holm


def rows(values: list[float]) -> list[tuple[float, ...]]:
    return [(value, 1.0) for value in values]


def test_few_items_are_exchanged_in_every_way() -> None:
    ours, theirs = [0.9, 0.8, 0.7, 0.4], [0.5, 0.7, 0.2, 0.6]
    differences = np.array(ours) - np.array(theirs)
    sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
            for signs in product((1, -1), repeat=4)]  # fmt: skip
    p = np.mean([one >= abs(differences.sum()) - 1e-12 for one in sums])
    found = compared("rouge1", rows(ours), rows(theirs))
    assert found.p == p and found.difference == pytest.approx(differences.mean())


def test_the_same_answers_do_not_differ() -> None:
    assert compared("rouge1", rows([0.3] * 40), rows([0.3] * 40)).p == 1.0


def test_a_clear_difference_is_as_rare_as_the_exchanges_can_tell() -> None:
    found = compared("rouge1", rows([1.0] * 100), rows([0.0] * 100))
    assert found.p == 1 / (EXCHANGES + 1)


def test_between_equal_models_p_is_small_as_seldom_as_it_says() -> None:
    rng, small = np.random.default_rng(3), 0
    for _ in range(200):
        ours, theirs = rng.random((2, 12)).tolist()
        small += compared("rouge1", rows(ours), rows(theirs)).p <= 0.1
    assert 8 <= small <= 34  # 20 of 200 are expected; 8 to 34 holds but once in a thousand


def test_a_rate_is_exchanged_with_its_whole() -> None:
    ours = [(2.0, 2.0), (0.0, 8.0)]
    theirs = [(0.0, 8.0), (2.0, 2.0)]
    found = compared("claims supported", ours, theirs)
    assert (found.ours, found.theirs, found.p) == (0.2, 0.2, 1.0)


def test_other_items_are_refused() -> None:
    with pytest.raises(ValueError, match="the same items"):
        compared("rouge1", rows([1.0]), rows([1.0, 0.0]))
    with pytest.raises(ValueError, match="the same items"):
        compared("rouge1", [], [])


def test_every_way_is_there_once() -> None:
    assert len({tuple(way) for way in exchanges(5)}) == 32
    assert exchanges(14).shape == (EXCHANGES, 14)


def test_holms_correction_is_the_published_one() -> None:
    # R's p.adjust(c(.01, .04, .03, .005), "holm")
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0} and holm({}) == {}
