"""What one weight of a packed block is worth: slow, one by one, straight from the layouts.

    weight("Q4_K", block, 200)    block: the bytes of one block -> numpy.float32

Written from the drawings in ggml-common.h, without looking at the kernels; every product and sum is
rounded to float32. The grids come from gguf-py.
"""

import struct
from collections.abc import Callable

import gguf.quants
import numpy as np

F = np.float32
CODEBOOK = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]


def weight(name: str, block: bytes, i: int) -> np.float32:
    """Weight `i` of a block of ggml type `name`."""
    with np.errstate(all="ignore"):
        return F(_WEIGHTS[name](block, i))


def half(block: bytes, at: int) -> np.float32:
    return F(np.frombuffer(block, "<f2", 1, at)[0])


def bits(block: bytes, first: int, count: int) -> int:
    """`count` bits from bit number `first`; bit 0 is the lowest of byte 0."""
    return int.from_bytes(block, "little") >> first & ((1 << count) - 1)


def nibble32(block: bytes, at: int, i: int) -> int:
    """Code of weight i of 32: low nibbles of 16 bytes, then high nibbles."""
    return block[at + i % 16] >> (4 * (i // 16)) & 15


def quarter(block: bytes, at: int, i: int) -> int:
    """Two bits of weight i of 256: 32 bytes for each half, two bits of each byte for each 32."""
    return block[at + i // 128 * 32 + i % 32] >> (i % 128 // 32 * 2) & 3


def q5(block: bytes, i: int, high: int) -> int:
    return nibble32(block, high + 4, i) | bits(block, 8 * high + i, 1) << 4


def k_scales(block: bytes, s: int) -> tuple[int, int]:
    """Scale and minimum of sub-block s of Q4_K and Q5_K."""
    p = block[4:16]
    if s < 4:
        return p[s] & 63, p[s + 4] & 63
    return p[s + 4] & 15 | p[s - 4] >> 6 << 4, p[s + 4] >> 4 | p[s] >> 6 << 4


def k45(block: bytes, i: int, q: int) -> np.float32:
    scale, minimum = k_scales(block, i // 32)
    return (half(block, 0) * F(scale)) * F(q) - half(block, 2) * F(minimum)


def pair_nibble(block: bytes, at: int, i: int) -> int:
    """Q4_K, Q5_K: 32 bytes for 64 weights, low nibbles first."""
    return block[at + i // 64 * 32 + i % 32] >> (i // 32 % 2 * 4) & 15


def q2_k(block: bytes, i: int) -> np.float32:
    s = block[i // 16]
    return (half(block, 80) * F(s & 15)) * F(quarter(block, 16, i)) - half(block, 82) * F(s >> 4)


def q3_k(block: bytes, i: int) -> np.float32:
    s, p = i // 16, block[96:108]
    scale = (p[s % 8] >> (s // 8 * 4) & 15 | (p[8 + s % 4] >> (s // 4 * 2) & 3) << 4) - 32
    q = quarter(block, 32, i) - (0 if block[i % 32] >> (i // 32) & 1 else 4)
    return (half(block, 108) * F(scale)) * F(q)


def q6_k(block: bytes, i: int) -> np.float32:
    low = block[i // 128 * 64 + i % 64] >> (i % 128 // 64 * 4) & 15
    q = (low | quarter(block, 128, i) << 4) - 32
    return (half(block, 208) * F(struct.unpack_from("b", block, 192 + i // 16)[0])) * F(q)


def tq1_0(block: bytes, i: int) -> np.float32:
    if i < 160:
        byte, n = block[i % 32], i // 32
    elif i < 240:
        byte, n = block[32 + (i - 160) % 16], (i - 160) // 16
    else:
        byte, n = block[48 + (i - 240) % 4], (i - 240) // 4
    digit = (byte * 3**n % 256) * 3 // 256
    return half(block, 52) * F(digit - 1)


def e2m1(code: int) -> np.float32:
    return F(E2M1[code & 7] * (-1 if code & 8 else 1)) + F(0)  # ggml has no -0


def mxfp4(block: bytes, i: int) -> np.float32:
    return F(2.0 ** (block[0] - 127)) * e2m1(nibble32(block, 1, i))


def nvfp4(block: bytes, i: int) -> np.float32:
    x, sub = block[i // 16] & 127, i // 16
    mantissa, exponent = x & 7, x >> 3
    scale = mantissa * 2.0**-9 if exponent == 0 else (1 + mantissa / 8) * 2.0 ** (exponent - 7)
    if block[sub] == 127:
        scale = 0.0
    code = block[4 + 8 * sub + i % 8] >> (i % 16 // 8 * 4) & 15
    return F(scale) * e2m1(code)


def iq4_xs(block: bytes, i: int) -> np.float32:
    s = i // 32
    scale = bits(block, 8 * 4 + 4 * s, 4) | bits(block, 8 * 2 + 2 * s, 2) << 4
    q = nibble32(block, 8 + 16 * s, i % 32)
    return (half(block, 0) * F(scale - 32)) * F(CODEBOOK[q])


def grid(name: str, row: int, column: int) -> np.float32:
    source = getattr(gguf.quants, name)
    source.init_grid()
    return F(source.grid[0, 0, row, column])


def even_sign(seven: int, j: int) -> np.float32:
    """Sign j of 8: seven are stored, the last makes their number even."""
    return F(-1 if (seven | (seven.bit_count() & 1) << 7) >> j & 1 else 1)


def iq2_xxs(block: bytes, i: int) -> np.float32:
    row = block[2 + 8 * (i // 32) + i % 32 // 8]
    word = bits(block, 8 * (6 + 8 * (i // 32)), 32)
    scale = half(block, 0) * (F(0.5) + F(word >> 28)) * F(0.25)
    return scale * grid("IQ2_XXS", row, i % 8) * even_sign(word >> (7 * (i % 32 // 8)) & 127, i % 8)


def iq2_xs(block: bytes, i: int) -> np.float32:
    word = bits(block, 16 + 16 * (i // 8), 16)
    scale = half(block, 0) * (F(0.5) + F(bits(block, 8 * 66 + 4 * (i // 16), 4))) * F(0.25)
    return scale * grid("IQ2_XS", word & 511, i % 8) * even_sign(word >> 9, i % 8)


def iq2_s(block: bytes, i: int) -> np.float32:
    row = block[2 + i // 8] | bits(block, 8 * 66 + 2 * (i // 8), 2) << 8
    scale = half(block, 0) * (F(0.5) + F(bits(block, 8 * 74 + 4 * (i // 16), 4))) * F(0.25)
    return scale * grid("IQ2_S", row, i % 8) * F(1 - 2 * bits(block, 8 * 34 + i, 1))


def iq3_xxs(block: bytes, i: int) -> np.float32:
    word = bits(block, 8 * 66 + 32 * (i // 32), 32)
    scale = half(block, 0) * (F(0.5) + F(word >> 28)) * F(0.5)
    sign = even_sign(word >> (7 * (i % 32 // 8)) & 127, i % 8)
    return scale * grid("IQ3_XXS", block[2 + i // 4], i % 4) * sign


def iq3_s(block: bytes, i: int) -> np.float32:
    row = block[2 + i // 4] | bits(block, 8 * 66 + i // 4, 1) << 8
    scale = half(block, 0) * F(1 + 2 * bits(block, 8 * 106 + 4 * (i // 32), 4))
    return scale * grid("IQ3_S", row, i % 4) * F(1 - 2 * bits(block, 8 * 74 + i, 1))


def iq1_s(block: bytes, i: int) -> np.float32:
    word = bits(block, 8 * 34 + 16 * (i // 32), 16)
    row = block[2 + i // 8] | (word >> (3 * (i % 32 // 8)) & 7) << 8
    move = F(-0.125 if word >> 15 else 0.125)
    return (half(block, 0) * F(2 * (word >> 12 & 7) + 1)) * (grid("IQ1_S", row, i % 8) + move)


def iq1_m(block: bytes, i: int) -> np.float32:
    words = struct.unpack_from("<4H", block, 48)
    d = half(struct.pack("<H", sum((word >> 12) << (4 * k) for k, word in enumerate(words))), 0)
    scale = words[i // 64] >> (3 * (i // 16 % 4)) & 7
    nibble = bits(block, 8 * 32 + 4 * (i // 8), 4)
    row = block[i // 8] | (nibble & 7) << 8
    move = F(-0.125 if nibble & 8 else 0.125)
    return (d * F(2 * scale + 1)) * (grid("IQ1_S", row, i % 8) + move)


def signed_byte(block: bytes, at: int) -> np.float32:
    return F(struct.unpack_from("b", block, at)[0])


_WEIGHTS: dict[str, Callable[[bytes, int], np.float32]] = {
    "F32": lambda b, i: F(struct.unpack("<f", b)[0]),
    "F16": lambda b, i: half(b, 0),
    "BF16": lambda b, i: F(np.frombuffer(b"\0\0" + b, "<f4")[0]),
    "Q4_0": lambda b, i: half(b, 0) * F(nibble32(b, 2, i) - 8),
    "Q4_1": lambda b, i: half(b, 0) * F(nibble32(b, 4, i)) + half(b, 2),
    "Q5_0": lambda b, i: half(b, 0) * F(q5(b, i, 2) - 16),
    "Q5_1": lambda b, i: half(b, 0) * F(q5(b, i, 4)) + half(b, 2),
    "Q8_0": lambda b, i: half(b, 0) * signed_byte(b, 2 + i),
    "Q8_1": lambda b, i: half(b, 0) * signed_byte(b, 4 + i),
    "Q8_K": lambda b, i: F(struct.unpack_from("<f", b)[0]) * signed_byte(b, 4 + i),
    "Q2_K": q2_k,
    "Q3_K": q3_k,
    "Q4_K": lambda b, i: k45(b, i, pair_nibble(b, 16, i)),
    "Q5_K": lambda b, i: k45(b, i, pair_nibble(b, 48, i) | (b[16 + i % 32] >> (i // 32) & 1) << 4),
    "Q6_K": q6_k,
    "Q1_0": lambda b, i: half(b, 0) * F(2 * bits(b, 16 + i, 1) - 1),
    "Q2_0": lambda b, i: half(b, 0) * F(bits(b, 16 + 2 * i, 2) - 1),
    "TQ1_0": tq1_0,
    "TQ2_0": lambda b, i: half(b, 64) * F(quarter(b, 0, i) - 1),
    "MXFP4": mxfp4,
    "NVFP4": nvfp4,
    "IQ4_NL": lambda b, i: half(b, 0) * F(CODEBOOK[nibble32(b, 2, i)]),
    "IQ4_XS": iq4_xs,
    "IQ2_XXS": iq2_xxs,
    "IQ2_XS": iq2_xs,
    "IQ2_S": iq2_s,
    "IQ3_XXS": iq3_xxs,
    "IQ3_S": iq3_s,
    "IQ1_S": iq1_s,
    "IQ1_M": iq1_m,
}
