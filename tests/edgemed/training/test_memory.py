"""The memory plan of a training run: the fastest way that fits, or a refusal by part."""

from dataclasses import replace

import pytest

from edgemed.errors import Refused
from edgemed.training.memory import Sizes, needs, planned

SIZES = Sizes(layers=30, width=576, feed_forward=1536, file=98_000_000)


def test_blocks_are_computed_once_where_there_is_room_and_twice_where_not() -> None:
    kept, less = needs(SIZES, 5_000_000, 1500)
    assert kept.kept and not less.kept and kept.total > 2 * less.total
    assert planned(SIZES, 5_000_000, 1500, 2 * kept.total) == kept
    assert planned(SIZES, 5_000_000, 1500, less.total) == less


def test_activations_grow_with_the_tokens_of_a_step_and_nothing_else_does() -> None:
    one, two = (next(needs(SIZES, 5_000_000, tokens)) for tokens in (1000, 2000))
    assert two.activations == 2 * one.activations
    assert two.total - one.total == one.activations


def test_what_fits_in_no_way_is_refused_with_every_part() -> None:
    less = list(needs(SIZES, 5_000_000, 1500))[-1]
    with pytest.raises(Refused, match=r"MB activations .* MB libraries"):
        planned(SIZES, 5_000_000, 1500, less.total - 1)


def test_what_the_paths_of_a_block_keep_counts_for_every_token() -> None:
    more = replace(SIZES, paths=1000)
    for plain, found in zip(needs(SIZES, 5, 1500), needs(more, 5, 1500), strict=True):
        blocks = SIZES.layers + 2 if found.kept else 2
        assert found.total - plain.total == blocks * 1500 * 1000 * 4
