"""The memory plan of a training run: the fastest way that fits, or a refusal by part."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgemed.errors import Refused
from edgemed.training.memory import Sizes, needs, planned
from tests.edgemed import tiny_decoders as tiny

SIZES = Sizes(layers=30, width=576, feed_forward=1536, file=98_000_000)


def test_blocks_are_computed_once_where_there_is_room_and_twice_where_not() -> None:
    kept, less = needs(SIZES, 5_000_000, 1500)
    assert kept.kept and not less.kept and kept.total > 2 * less.total
    assert planned(needs(SIZES, 5_000_000, 1500), 2 * kept.total) == kept
    assert planned(needs(SIZES, 5_000_000, 1500), less.total) == less


def test_activations_grow_with_the_tokens_of_a_step_and_nothing_else_does() -> None:
    one, two = (next(needs(SIZES, 5_000_000, tokens)) for tokens in (1000, 2000))
    assert two.activations == 2 * one.activations
    assert two.total - one.total == one.activations


def test_what_fits_in_no_way_is_refused_with_every_part() -> None:
    less = list(needs(SIZES, 5_000_000, 1500))[-1]
    with pytest.raises(Refused, match=r"MB activations .* MB libraries"):
        planned(needs(SIZES, 5_000_000, 1500), less.total - 1)


def test_what_the_paths_of_a_block_keep_counts_for_every_token() -> None:
    more = replace(SIZES, paths=1000)
    for plain, found in zip(needs(SIZES, 5, 1500), needs(more, 5, 1500), strict=True):
        blocks = SIZES.layers + 2 if found.kept else 2
        assert found.total - plain.total == blocks * 1500 * 1000 * 4


def test_the_larger_of_a_step_and_saving_counts() -> None:
    step = next(needs(SIZES, 5_000_000, 1500))
    assert "saving the state" not in step.parts and step.parts["activations"] == step.activations
    saving = next(needs(SIZES, 500_000_000, 1))
    assert saving.parts["saving the state"] > saving.step and "activations" not in saving.parts


def test_dora_keeps_what_each_matrix_gave(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    from edgemed.training.adapt import Training
    from edgemed.training.encoded import Data, Encoded
    from edgemed.training.memory import sizes_of
    from edgemed.training.schedule import RunSettings
    from edgemed.training.trainable import load_trainable

    path = tiny.write_decoder(tmp_path / "m.gguf", "llama")
    data = Data(tuple(Encoded(tuple(row), 2) for row in tiny.sequences()), 0, 64)
    for settings, kept in (
        (RunSettings(2, 4), 0),
        (RunSettings(2, 4, dora=True), 2 * tiny.WIDTH + 2 * 16 + 2 * tiny.INNER + tiny.WIDTH),
        (RunSettings(2, 4, "ffn", dora=True), 2 * tiny.INNER + tiny.WIDTH),
    ):
        training = Training(load_trainable(path)[1], data, settings)
        sizes = sizes_of(training.model, path, training.kept)
        block = tiny.WIDTH * (2 * tiny.WIDTH + 2 * 16 + 3 * tiny.INNER)
        decoded = 2 * tiny.WORDS * tiny.WIDTH + tiny.LAYERS * block  # embedding and head too
        size = path.stat().st_size
        assert sizes == Sizes(tiny.LAYERS, tiny.WIDTH, tiny.INNER, size, kept, decoded=decoded)
