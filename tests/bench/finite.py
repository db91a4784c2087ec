"""How fast copied tensors are looked through for NaN and infinity, beside a copy of the bytes.

    python -m tests.bench.finite

One thread, chunks of 1 MiB that stand in the cache, as in a merge; GB/s of packed bytes.
"""

import time

import numpy as np
from edgemed_native.codecs import CODECS
from edgemed_native.finite import first_not_finite

TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q2_K", "IQ4_XS", "IQ1_M")
LENGTH = 4096
CHUNK = 1 << 20
REPEATS = 200


def rate(work, nbytes: int) -> float:
    """GB/s of the fastest of several runs."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return nbytes / best / 1e9


def main() -> None:
    """One line a type."""
    print(f"{'type':8}{'scan GB/s':>12}{'copy GB/s':>12}")
    for name in TYPES:
        type_ = CODECS[name].type
        row = LENGTH // type_.block * type_.nbytes
        packed = np.zeros((CHUNK // row, row), np.uint8)
        target = np.empty_like(packed)
        scan = rate(lambda name=name, packed=packed: first_not_finite(name, packed), packed.nbytes)
        copy = rate(lambda packed=packed, target=target: np.copyto(target, packed), packed.nbytes)
        print(f"{name:8}{scan:12.1f}{copy:12.1f}")


if __name__ == "__main__":
    main()
