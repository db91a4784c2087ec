"""Packed rows are called finite exactly where the decoder gives finite numbers."""

import numpy as np
import pytest
from edgemed_native.codecs import CODECS, decode_rows
from edgemed_native.finite import first_not_finite

DECODED = [name for name, codec in CODECS.items() if codec.decoder is not None]
BLOCKS = 8


def by_decoding(name, packed):
    """The first row with NaN or infinity."""
    x = np.empty((len(packed), BLOCKS * CODECS[name].type.block), np.float32)
    decode_rows(name, packed, x)
    bad = ~np.isfinite(x).all(axis=1)
    return int(bad.argmax()) if bad.any() else None


def rows(name, seed, count=40):
    """Random bytes: of every type some rows are finite."""
    nbytes = BLOCKS * CODECS[name].type.nbytes
    return np.random.default_rng(seed).integers(0, 256, (count, nbytes), np.uint8)


@pytest.mark.parametrize("name", DECODED)
def test_random_bytes(name):
    found = []
    for seed in range(30):
        packed = rows(name, seed, 1)
        expected = by_decoding(name, packed)
        assert first_not_finite(name, packed) == expected
        found.append(expected)
    many = rows(name, 99)
    assert first_not_finite(name, many) == by_decoding(name, many)
    if name not in ("NVFP4",):
        found.append(by_decoding(name, with_all_scales(name, 0xFF)))
        assert 0 in found


def with_all_scales(name, byte):
    return np.full((1, BLOCKS * CODECS[name].type.nbytes), byte, np.uint8)


@pytest.mark.parametrize("name", DECODED)
def test_every_byte_of_a_block(name):
    """Only a scale can spoil a block, and none is overlooked."""
    nbytes = CODECS[name].type.nbytes
    for at in range(nbytes):
        packed = np.zeros((3, BLOCKS * nbytes), np.uint8)
        for value in (0x7C, 0x7F, 0x80, 0xF0, 0xFC, 0xFF):
            packed[1, 2 * nbytes + at] = value
            packed[1, 2 * nbytes : 3 * nbytes] |= np.uint8(value == 0xFF) * np.uint8(0x11)
            assert first_not_finite(name, packed) == by_decoding(name, packed), (at, value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_doubles_are_looked_at_and_whole_numbers_have_no_such_thing(value):
    x = np.ones((4, 8))
    assert first_not_finite("F64", x.view(np.uint8)) is None
    x[2, 3] = value
    assert first_not_finite("F64", x.view(np.uint8)) == 2
    assert first_not_finite("I64", np.full((2, 8), -1).view(np.uint8)) is None


@pytest.mark.parametrize("name", ["F32", "Q4_K", "F16", "F64", "MXFP4"])
def test_no_rows(name):
    assert first_not_finite(name, np.empty((0, 4 * 144 * 17), np.uint8)) is None
