"""Blocks written by hand, one for every type: the layout worked out on paper, not by a program.

A block is all zero bytes but for the ones given; `rest` is what its other weights are worth.
Halves: 0x4000 is 2.0, 0x3C00 is 1.0, 0x3800 is 0.5 (little endian: 00 40, 00 3C, 00 38).
"""

from typing import NamedTuple

import numpy as np
import pytest
from edgemed_native.codecs import CODECS, decode_rows

TWO, ONE, HALF = b"\x00\x40", b"\x00\x3c", b"\x00\x38"


class Block(NamedTuple):
    """Bytes by offset, and what they say: weights by index, and all others."""

    name: str
    written: dict[int, bytes]
    weights: dict[int, float]
    rest: float


BLOCKS = [
    Block("F32", {0: b"\x00\x00\x20\xc1"}, {0: -10.0}, 0),
    Block("F16", {0: b"\x00\xc1"}, {0: -2.5}, 0),
    Block("BF16", {0: b"\x20\xc1"}, {0: -10.0}, 0),
    # byte 5 of the codes is 0x9F: weight 5 is 15, weight 21 is 9
    Block("Q4_0", {0: TWO, 7: b"\x9f"}, {5: 2.0 * 7, 21: 2.0}, -16),
    Block("Q4_1", {0: TWO, 2: ONE, 9: b"\x9f"}, {5: 31, 21: 19}, 1),
    # fifth bits of weights 0 and 17; 0x31 in the first byte of codes
    Block("Q5_0", {0: TWO, 2: b"\x01\0\x02\0", 6: b"\x31"}, {0: 2, 16: -26, 17: 0}, -32),
    Block("Q5_1", {0: TWO, 2: ONE, 4: b"\x01\0\x02\0", 8: b"\x31"}, {0: 35, 16: 7, 17: 33}, 1),
    Block("Q8_0", {0: HALF, 2: b"\x80", 33: b"\x7f"}, {0: -64, 31: 63.5}, 0),
    Block("Q8_1", {0: HALF, 2: TWO, 4: b"\x80", 35: b"\x7f"}, {0: -64, 31: 63.5}, 0),
    Block("Q8_K", {0: b"\0\0\0\x3f", 4: b"\x80", 259: b"\x7f"}, {0: -64, 255: 63.5}, 0),
    # Sub-block 0: scale 3, minimum 1; sub-block 13 (weights 208 to 223): scale 2. Weight 0 is code
    # 3 in bits 0-1 of byte 0 of q; weight 208 = 128 + 64 + 16 is code 2 in bits 4-5 of byte 32 +
    # 16.
    Block(
        "Q2_K",
        {0: b"\x13", 13: b"\x02", 16: b"\x03", 16 + 48: b"\x20", 80: TWO, 82: ONE},
        {**dict.fromkeys(range(16), -1), 0: 2.0 * 3 * 3 - 1, 208: 2.0 * 2 * 2},
        0,
    ),
    # All third bits set but one: so codes 0 are worth 0, and weight 33 (bit 1 of byte 1), whose
    # third bit is not set, is worth -4. Scale of sub-block 2 (weights 32 to 47): low nibble 1 in
    # byte 98, upper bits 2 in byte 106: 1 + 32 - 32 = 1. Sub-block 15: low nibble 5 in the upper
    # half of byte 103, upper bits 3 in bits 6-7 of byte 107: 5 + 48 - 32 = 21. Weight 255: code 3
    # in bits 6-7 of byte 63 of q.
    Block(
        "Q3_K",
        {
            0: b"\xff" + b"\xfd" + b"\xff" * 30,
            32 + 63: b"\xc0",
            98: b"\x01",
            103: b"\x50",
            106: b"\x02",
            107: b"\xc0",
            108: TWO,
        },
        {33: 2.0 * 1 * -4, 255: 2.0 * 21 * 3},
        0,
    ),
    # Scale 0 is 5, minimum 0 is 2. Scale 4 is 0b010001 (lower 1 in byte 12, upper 01 in byte 4),
    # minimum 4 is 0b100011 (lower 3 in byte 12, upper 10 in byte 8). Weight 0 is code 7, weight 128
    # (low nibble of byte 64 of q) is code 4.
    Block(
        "Q4_K",
        {0: TWO, 2: ONE, 4: b"\x45", 8: b"\x82", 12: b"\x31", 16: b"\x07", 16 + 64: b"\x04"},
        {
            **dict.fromkeys(range(32), -2),
            **dict.fromkeys(range(128, 160), -35),
            0: 2.0 * 5 * 7 - 2,
            128: 2.0 * 17 * 4 - 35,
        },
        0,
    ),
    # As above; bit 0 of the first fifth-bit byte is for weight 0, bit 4 for weight 128.
    Block(
        "Q5_K",
        {
            **{0: TWO, 2: ONE, 4: b"\x45", 8: b"\x82", 12: b"\x31"},
            **{16: b"\x11", 48: b"\x07", 48 + 64: b"\x04"},
        },
        {
            **dict.fromkeys(range(32), -2),
            **dict.fromkeys(range(128, 160), -35),
            0: 2.0 * 5 * 23 - 2,
            128: 2.0 * 17 * 20 - 35,
        },
        0,
    ),
    # Only sub-blocks 0 (scale 3) and 14 (scale -1: weights 224 to 239). Weight 1: low 15, upper
    # bits 2 (byte 1 of the upper bits, bits 0-1). Weight 224 = 128 + 96: the high nibble of byte 64
    # + 32 is 9, bits 6-7 of byte 32 of the upper bits are 3.
    Block(
        "Q6_K",
        {1: b"\x0f", 96: b"\x90", 129: b"\x02", 160: b"\xc0", 192: b"\x03", 206: b"\xff", 208: TWO},
        {
            **dict.fromkeys(range(16), 2.0 * 3 * -32),
            **dict.fromkeys(range(224, 240), 2.0 * -1 * -32),
            1: 2.0 * 3 * (47 - 32),
            224: 2.0 * -1 * (57 - 32),
        },
        0,
    ),
    Block("Q1_0", {0: TWO, 2: b"\x04", 17: b"\x80"}, {2: 2, 127: 2}, -2),
    # 0b11_10_01_00: weights 4 to 7 are codes 0, 1, 2, 3
    Block("Q2_0", {0: TWO, 3: b"\xe4"}, {5: 0, 6: 2, 7: 4}, -2),
    # 171 / 256 = 0.668 = 0.20000 in base 3; 86 / 256 = 0.336 = 0.1000.. in base 3
    Block("TQ1_0", {1: b"\xab", 32: b"\x56", 48: b"\xab", 52: TWO}, {1: 2, 160: 0, 240: 2}, -2),
    Block("TQ2_0", {0: b"\x02", 63: b"\x40", 64: TWO}, {0: 2, 255: 0}, -2),
    # 2 ** (129 - 127) = 4; 0b0_11_1 is 6.0, 0b1_00_1 is -0.5
    Block("MXFP4", {0: b"\x81", 1: b"\x97"}, {0: 24, 16: -2}, 0),
    # scales: 0x38 is 2 ** (7 - 7) = 1; 0x41 in the last one is (1 + 1/8) 2 ** (8 - 7) = 2.25
    Block("NVFP4", {0: b"\x38\0\0\x41", 4: b"\x97", 35: b"\xf0"}, {0: 6, 8: -0.5, 63: -13.5}, 0),
    Block("IQ4_NL", {0: TWO, 2: b"\xf7"}, {0: -20, 16: 226}, -254),
    # scale 0: lower nibble 1, upper bits 2: 33 - 32 = 1; all others 0 - 32
    Block(
        "IQ4_XS",
        {0: TWO, 2: b"\x02", 4: b"\x01", 8: b"\xf7"},
        {**dict.fromkeys(range(32), -254), 0: -20, 16: 226},
        2.0 * -32 * -127,
    ),
    # Row 0 of every 2-bit grid is eight times 8. Scale 2 (0.5 + 0) / 4 = 0.25; sign 1 of the second
    # eight (bit 7 + 1 of the word) is set, so its eighth sign is set too.
    Block("IQ2_XXS", {0: TWO, 6: b"\x00\x01\x00\x00"}, {9: -2, 15: -2}, 2),
    # Weights 0 to 7: row 1 (43, then eights). Weights 8 to 15: sign 0 (bit 9), so the eighth too.
    # Scale 1 for both: 2 (0.5 + 1) / 4 = 0.75.
    Block(
        "IQ2_XS",
        {0: TWO, 2: b"\x01", 5: b"\x02", 66: b"\x01"},
        {**dict.fromkeys(range(16), 6), 0: 0.75 * 43, 8: -6, 15: -6},
        2,
    ),
    # The last eight weights: row 0x3FF, eight times 43. The last sixteen: scale 2 (0.5 + 2) / 4 =
    # 1.25.
    Block(
        "IQ2_S",
        {0: TWO, 33: b"\xff", 34: b"\x80", 73: b"\xc0", 81: b"\x20"},
        {7: -2, **dict.fromkeys(range(240, 248), 10), **dict.fromkeys(range(248, 256), 1.25 * 43)},
        2,
    ),
    # Row 0 is four times 4; weights 4 to 7 are row 1 (20, then fours). Scale 2 (0.5 + 0) / 2 = 0.5.
    # Sign 27 of the first word is sign 6 of its last eight weights, so the eighth is set too.
    # Weights 32 to 63: scale 2 (0.5 + 1) / 2 = 1.5.
    Block(
        "IQ3_XXS",
        {0: TWO, 3: b"\x01", 69: b"\x08", 73: b"\x10"},
        {4: 10, 30: -2, 31: -2, **dict.fromkeys(range(32, 64), 6)},
        2,
    ),
    # Row 0 is four times 1; the last row, 0x1FF, is 1, 1, 15, 15. Last 32 weights: scale 2 (1 + 2)
    # = 6.
    Block(
        "IQ3_S",
        {0: TWO, 65: b"\xff", 73: b"\x80", 74: b"\x01", 109: b"\x10"},
        {0: -2, **dict.fromkeys(range(224, 254), 6), 254: 90, 255: 90},
        2,
    ),
    # Row 0 is eight times -1, the last row, 0x7FF, eight times 1. Weights 0 to 31: scale 2 (2 + 1)
    # = 6, moved down.
    Block(
        "IQ1_S",
        {0: TWO, 2: b"\xff", 34: b"\x07\x90"},
        {**dict.fromkeys(range(8), 6 * 0.875), **dict.fromkeys(range(8, 32), 6 * -1.125)},
        2 * -0.875,
    ),
    # The half 0x4000 is spread: its highest nibble, 4, is the highest of the last word. Weights 0
    # to 15: scale 2 (2 + 1) = 6; 8 to 15 moved down. Weights 248 to 255: row 1 (1, then -1).
    Block(
        "IQ1_M",
        {31: b"\x01", 32: b"\x80", 48: b"\x01", 55: b"\x40"},
        {
            **dict.fromkeys(range(8), 6 * -0.875),
            **dict.fromkeys(range(8, 16), 6 * -1.125),
            248: 2 * 1.125,
        },
        2 * -0.875,
    ),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_written_by_hand_decodes_to_what_it_says(block: Block) -> None:
    type_ = CODECS[block.name].type
    src = np.zeros((1, type_.nbytes), np.uint8)
    for at, written in block.written.items():
        src[0, at : at + len(written)] = list(written)
    expected = np.full((1, type_.block), block.rest, np.float32)
    for i, value in block.weights.items():
        expected[0, i] = value
    dst = np.empty_like(expected)
    decode_rows(block.name, src, dst)
    np.testing.assert_array_equal(dst, expected)


def test_every_decoder_has_a_block_written_by_hand() -> None:
    assert {block.name for block in BLOCKS} == {n for n, codec in CODECS.items() if codec.decoder}
