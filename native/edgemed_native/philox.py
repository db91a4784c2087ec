"""Random numbers from a counter, inside kernels: Philox 2x32 with seven rounds.

Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as 1, 2, 3 (SC 2011): seven rounds are
the fewest that pass every test of BigCrush. A number depends only on key and counter, so a mask
does not depend on chunks, threads or the order of the work.

Each element gets 16 bits. Elements form groups of 256 by absolute index; for group g, the block
with counter 64 g + j gives the lower halves of its two words to elements j and j + 64, and the
upper halves to j + 128 and j + 192. So neighbours come from different blocks.
"""

import numpy as np

from edgemed_native._jit import inner

U32 = np.uint32
U64 = np.uint64

GROUP = 256
BLOCKS = 64
ROUNDS = 7
MASK = U64(0xFFFFFFFF)


@inner
def philox(low, high, key):
    """Two words (u32 values in u64) of the block with the 64-bit counter `high:low`, and a key.

    All in u64: LLVM vectorises these as widening products, which it does not do for u32.
    """
    low, high, key = U64(low), U64(high), U64(key)
    for _ in range(ROUNDS):
        product = low * U64(0xD256D193)
        low = (product >> U64(32)) ^ key ^ high
        high = product & MASK
        key = (key + U64(0x9E3779B9)) & MASK
    return low, high


@inner
def group_numbers(group, key, numbers):
    """The numbers, 0 to 65,535, of the 256 elements of `group` (u64): numbers u32[256]."""
    first = U64(group) * U64(BLOCKS)
    for lane in range(BLOCKS):
        counter = first + U64(lane)
        a, b = philox(counter & MASK, counter >> U64(32), key)
        numbers[lane] = U32(a & U64(0xFFFF))
        numbers[lane + 64] = U32(b & U64(0xFFFF))
        numbers[lane + 128] = U32(a >> U64(16))
        numbers[lane + 192] = U32(b >> U64(16))
