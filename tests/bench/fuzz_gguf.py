"""Mutated GGUF headers by the million: `python -m tests.bench.fuzz_gguf --count 1000000 --seed 1`.

Every case is a small valid file with a few changes (bits, bytes, numbers at the edges of their
types, pieces cut, doubled or moved, the tail missing), parsed as `open_model` parses a file; what
is accepted is also decoded to its last value. It may be accepted or refused with an InvalidFile
that names the file and has a remedy. Anything else, a case over TOO_SLOW seconds of processor time
or one that allocates more than TOO_MUCH bytes ends the run with the bytes of the case; a hang ends
it with a traceback.
"""

import argparse
import faulthandler
import io
import json
import math
import random
import re
import struct
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy  # noqa: F401  (else the first case that decodes an array pays for the import)

from edgemed.errors import InvalidFile
from edgemed.gguf.header import Header
from edgemed.gguf.metadata import Metadata
from edgemed.gguf.model import parse
from edgemed.local_models.process_memory import resident_bytes
from tests.edgemed.gguf_files import METADATA, TENSORS, assemble, gguf_bytes, pair, row

PATH = Path("case.gguf")
TOO_SLOW = 0.5
TOO_MUCH = 1024 * 1024
TRACED = 10
"""The first of so many parts of the cases is run under tracemalloc, which slows it down."""
HANG = 60
"""Seconds without ROUND further cases after which the run is stopped."""
ROUND = 10_000
PARTICULARS = re.compile(r"'.*'|b\".*\"|[\d,]+( x [\d,]+)*|\(\w+\)|it starts with .*")
"""What differs between two refusals for the same reason."""

SEEDS: tuple[bytes, ...] = (
    gguf_bytes(METADATA, TENSORS),
    gguf_bytes({"general.alignment": ("uint32", 64), **METADATA}, TENSORS, alignment=64),
    gguf_bytes({"a": ("string[]", ["x"] * 20), "b": ("bool[]", [True, False] * 9)}, {}),
    assemble(
        [pair("split.no", "uint16", 0), pair("split.count", "uint16", 1)],
        [row("s", (), "F32", 0), row("q", (256, 1, 1, 1), "Q4_K", 32)],
        bytes(32 + 160),
        version=2,
    ),
    gguf_bytes({}, {"w": ("F32", (1,), bytes(4))}),
)

SIBLING = parse(io.BytesIO(SEEDS[0]), len(SEEDS[0]), PATH).metadata

EDGES = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    12,
    13,
    31,
    36,
    39,
    42,
    43,
    64,
    139,
    255,
    256,
    1024,
    65535,
    65536,
)
EDGES += tuple(2**n + d for n in (16, 24, 30, 31, 32, 40, 56, 62, 63, 64) for d in (-1, 0, 1))

Mutation = Callable[[random.Random, bytearray], None]


def flip_bit(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def set_byte(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def set_number(rng: random.Random, data: bytearray) -> None:
    """Put an edge value over 4 or 8 bytes anywhere."""
    nbytes = rng.choice((4, 8))
    at = rng.randrange(max(1, len(data) - nbytes))
    number = rng.choice(EDGES) % 2 ** (8 * nbytes)
    data[at : at + nbytes] = number.to_bytes(nbytes, "little")


def set_small_number(rng: random.Random, data: bytearray) -> None:
    """Replace a 4-byte number that is below 1,000 (a type, a length, a count) by an edge value."""
    for _ in range(8):
        at = rng.randrange(4, max(5, len(data) - 4))
        found = data[at : at + 4]
        if len(found) == 4 and 0 < struct.unpack("<I", found)[0] < 1000:
            data[at : at + 4] = (rng.choice(EDGES) % 2**32).to_bytes(4, "little")
            return


def cut_piece(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 4, 8, rng.randrange(1, 64)))]


def double_piece(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    piece = data[at : at + rng.randrange(1, 80)]
    data[at:at] = piece


def move_piece(rng: random.Random, data: bytearray) -> None:
    at, to = rng.randrange(len(data)), rng.randrange(len(data))
    piece = data[at : at + rng.randrange(1, 80)]
    data[to : to + len(piece)] = piece


def cut_tail(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def add_tail(rng: random.Random, data: bytearray) -> None:
    data += rng.randbytes(rng.randrange(1, 100))


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit, set_byte, set_number, set_number, set_small_number, set_small_number,
    cut_piece, double_piece, move_piece, cut_tail, add_tail,
)  # fmt: skip


def mutate(rng: random.Random) -> bytes:
    """A seed with one to four changes, most of them near its start, where the header is."""
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        if data:
            rng.choice(MUTATIONS)(rng, data)
    return bytes(data)


def run_case(case: bytes) -> str:
    """`accepted`, or the reason of the refusal without its particulars; the same beside a sibling,
    whose values are compared instead of read."""
    outcome = outcome_of(case, None)
    assert outcome_of(case, SIBLING) == outcome
    return outcome


def outcome_of(case: bytes, like: Metadata | None) -> str:
    """What comes of one way of reading the case."""
    try:
        header = parse(io.BytesIO(case), len(case), PATH, like)
    except InvalidFile as refusal:
        if not refusal.hint or str(PATH) not in refusal.message:
            raise AssertionError(f"a refusal without file or remedy: {refusal}") from refusal
        return PARTICULARS.sub("_", refusal.message)
    check_accepted(header, len(case))
    return "accepted"


def check_accepted(header: Header, size: int) -> None:
    """What the reader promises of a header it accepts; every value can be decoded."""
    for key in header.metadata:
        header.metadata[key], header.metadata.type_of(key), header.metadata.length_of(key)
    used = sorted((e.offset, e.end) for e in header.entries)
    assert all(a[1] <= b[0] for a, b in pairwise(used))
    assert all(header.data_start + end <= size for _, end in used)
    for entry in header.entries:
        assert entry.offset % header.alignment == 0
        assert entry.nbytes * entry.type.block == math.prod(entry.shape) * entry.type.nbytes


class Cost(NamedTuple):
    """What a case took: processor seconds, and bytes at its peak where they were traced."""

    seconds: float
    nbytes: int


def measure(case: bytes) -> tuple[str, Cost]:
    """Run one case; its bytes are printed if anything but an outcome comes of it."""
    traced = tracemalloc.is_tracing()
    if traced:
        tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    start = time.process_time()
    try:
        outcome = run_case(case)
        cost = Cost(time.process_time() - start, tracemalloc.get_traced_memory()[1] - before)
        if cost.seconds > TOO_SLOW or cost.nbytes > TOO_MUCH:
            raise AssertionError(f"too much: {cost}")
    except BaseException:
        print(f"the case: {case.hex()}", file=sys.stderr)
        raise
    return outcome, cost


def fuzz(count: int, seed: int) -> tuple[dict[str, float], Counter[str]]:
    """Run `count` cases; the figures of the run, and how often each outcome came."""
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    most, start = Cost(0.0, 0), time.perf_counter()
    traced = -(-count // TRACED)
    tracemalloc.start()
    for number in range(count):
        if number == traced:
            tracemalloc.stop()
        if number % ROUND == 0:
            faulthandler.dump_traceback_later(HANG, exit=True)
        outcome, cost = measure(mutate(rng))
        outcomes[outcome] += 1
        most = Cost(*map(max, most, cost))
    tracemalloc.stop()
    faulthandler.cancel_dump_traceback_later()
    figures = {
        "cases": count,
        "seed": seed,
        "accepted": outcomes["accepted"],
        "refused": count - outcomes["accepted"],
        "different refusals": len(outcomes) - 1,
        "seconds": round(time.perf_counter() - start, 1),
        "slowest case, processor ms": round(1000 * most.seconds, 2),
        "largest peak of a traced case, bytes": most.nbytes,
        "traced cases": traced,
        "memory at the end, MB": round(resident_bytes() / 1e6, 1),
    }
    return figures, outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures, outcomes = fuzz(args.count, args.seed)
    if args.json:
        print(json.dumps({**figures, "outcomes": outcomes}))
        return
    for outcome, times in outcomes.most_common():
        print(f"{times:>12,}  {outcome}")
    for name, figure in figures.items():
        print(f"{name:45} {figure:>14,}")


if __name__ == "__main__":
    main()
