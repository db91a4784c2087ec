"""Every codec beside libggml's, one thread each: speed of the whole call, and error of encoders.

    python -m tests.bench.codecs                 table
    python -m tests.bench.codecs --types Q4_K Q6_K --pairs 31 --json codecs.json
    python -m tests.bench.codecs --svg codecs.svg    also draws speed against error
    python -m tests.bench.codecs --cold          seconds to compile what a Q4_K_M merge needs

A pair is libggml and ours on the same rows, one right after the other, the first of the two taking
turns, in processor time of the thread, which other work on the machine disturbs least. The ratio is
the median over pairs of (libggml's time / our time), with its 95 % interval from the order
statistics. libggml is called bare, ours with its checks. Errors are ratios too, ours over
libggml's, the worst over Gaussian, Student-t(5), heavy-outlier and (where the test data is) real
model rows; rows `matrix` are encoders under an importance matrix, and take the worst of these and
four kinds of importances, under libggml's own weights.
"""

import argparse
import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from edgemed_native import libggml
from edgemed_native.codecs import CODECS, decode_rows, encode_rows

from tests.bench.codecs_plot import drawing
from tests.oracles import encode_error

DATA = Path(os.environ.get("EDGEMED_DATA", Path(__file__).parents[3] / "shared" / "data"))
MODEL = DATA / "models" / "stories260k" / "stories260K.gguf"

ROWS, WIDTH = 64, 4096  # 1 MB of float32: a chunk as a merge cuts it
SHORTEST = 0.002  # seconds; a call faster than this is repeated inside one measurement

COLD = """
import sys, time
start = time.perf_counter()
from edgemed_native.codecs import warm_up
types = ["Q4_K", "Q6_K", "F32"]
warm_up(types, types, lambda name: None)
print(time.perf_counter() - start)
"""


class Speed(NamedTuple):
    """Million weights per second of both, and the ratio with its interval."""

    libggml: float
    ours: float
    ratio: float
    low: float
    high: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--types", nargs="*", default=[n for n in CODECS if CODECS[n].decode])
    parser.add_argument("--pairs", type=int, default=21)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--svg", type=Path, help="also draw the encoders in this file")
    parser.add_argument("--cold", action="store_true", help="only time the first compilation")
    options = parser.parse_args()
    if options.cold:
        cold, warm = cold_start()
        print(f"cold {cold:.1f} s, from the disk cache {warm:.1f} s")
        return
    run = {"date": str(date.today()), "machine": platform.platform(), "cpus": os.cpu_count()}
    print(*run.values(), "CPUs,", options.pairs, "pairs")
    print(f"{'type':8} {'':6} {'libggml':>9} {'ours':>9} {'ratio':>7}  interval        errors")
    rows = []
    for name in options.types:
        for row in measure(name, options.pairs):
            print(line(row), flush=True)
            rows.append(row)
    if options.svg:
        options.svg.write_text(drawing([row for row in rows if "error" in row]))
    if options.json:
        figures = {**run, "pairs": options.pairs, "codecs": rows}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def line(row: dict[str, Any]) -> str:
    interval = f"{row['low']:.2f} .. {row['high']:.2f}"
    errors = " ".join(f"{row[key]:.4f}" for key in ("rmse", "weighted") if key in row)
    return (
        f"{row['type']:8} {row['direction']:6} {row['libggml']:9.1f} {row['ours']:9.1f} "
        f"{row['ratio']:6.2f}x  {interval:15} {errors}"
    )


def measure(name: str, pairs: int) -> list[dict[str, Any]]:
    """The rows of one type: decode and, where we have one, encode."""
    x = encode_error.tensors(ROWS, WIDTH, None)["gaussian"]
    packed, y = packed_rows(name, x), np.empty_like(x)
    out = []
    if name in libggml.DECODABLE:
        speed = compare(
            lambda: libggml.decode_rows(name, packed, y),
            lambda: decode_rows(name, packed, y),
            pairs,
        )
        out.append({"type": name, "direction": "decode", **speed._asdict()})
    if CODECS[name].encode and name in libggml.ENCODABLE:
        speed = compare(
            lambda: quantize(name, x, packed), lambda: encode_rows(name, x, packed), pairs
        )
        rmse, weighted = worst_errors(name)
        errors = {"rmse": rmse, "weighted": weighted, **relative_errors(name, x)}
        out.append({"type": name, "direction": "encode", **speed._asdict(), **errors})
    if CODECS[name].encode_weighted:
        matrix = encode_error.matrices(WIDTH)["uneven"]
        speed = compare(
            lambda: quantize(name, x, packed, matrix),
            lambda: encode_rows(name, x, packed, matrix),
            pairs,
        )
        errors = {"weighted": worst_under_matrices(name)}
        out.append({"type": name, "direction": "matrix", **speed._asdict(), **errors})
    return out


def quantize(
    name: str, x: encode_error.F32, packed: encode_error.U8, matrix: encode_error.F32 | None = None
) -> None:
    """libggml's encoder without the checks of our binding."""
    libggml.library().ggml_quantize_chunk(
        ctypes.c_int(CODECS[name].type.id),
        ctypes.c_void_p(x.ctypes.data),
        ctypes.c_void_p(packed.ctypes.data),
        ctypes.c_int64(0),
        *(ctypes.c_int64(length) for length in x.shape),
        None if matrix is None else ctypes.c_void_p(matrix.ctypes.data),
    )


def packed_rows(name: str, x: encode_error.F32) -> encode_error.U8:
    """Rows to decode: what libggml makes of x, or random bytes where it cannot."""
    if name in libggml.ENCODABLE:
        return encode_error.theirs(name, x)
    shape = (ROWS, CODECS[name].type.row_bytes(WIDTH))
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def worst_errors(name: str) -> tuple[float, float]:
    model = MODEL if MODEL.is_file() else None
    found = [encode_error.ratios(name, x) for x in encode_error.tensors(16, WIDTH, model).values()]
    return max(plain for plain, _ in found), max(weighted for _, weighted in found)


def worst_under_matrices(name: str) -> float:
    """The worst ratio of errors over tensors and importances."""
    model = MODEL if MODEL.is_file() else None
    return max(
        encode_error.ratios(name, x, matrix)[1]
        for x in encode_error.tensors(16, WIDTH, model).values()
        for matrix in encode_error.matrices(x.shape[1]).values()
    )


def relative_errors(name: str, x: encode_error.F32) -> dict[str, float]:
    """Root mean square error over that of the weights themselves, ours and libggml's."""
    size = float(np.sqrt((x.astype(np.float64) ** 2).mean()))
    ours, theirs = encode_error.ours(name, x), encode_error.theirs(name, x)
    return {
        "error": encode_error.errors(name, x, ours)[0] / size,
        "libggml_error": encode_error.errors(name, x, theirs)[0] / size,
    }


def compare(a: Callable[[], Any], b: Callable[[], Any], pairs: int) -> Speed:
    """Time two functions over the same rows in turns; b is compiled by its first call."""
    repeats = [repeats_for(f) for f in (a, b)]
    times = []
    for pair in range(pairs):
        both = [0.0, 0.0]
        for which in (0, 1) if pair % 2 else (1, 0):
            both[which] = seconds((a, b)[which], repeats[which])
        times.append(both)
    ratios = sorted(first / second for first, second in times)
    cut = max(0, int((pairs - 1.96 * pairs**0.5) / 2))
    speeds = [ROWS * WIDTH / statistics.median(t[k] for t in times) / 1e6 for k in (0, 1)]
    return Speed(*speeds, statistics.median(ratios), ratios[cut], ratios[pairs - 1 - cut])


def repeats_for(function: Callable[[], Any]) -> int:
    function()
    return max(1, int(SHORTEST / seconds(function, 3)))


def seconds(function: Callable[[], Any], repeats: int) -> float:
    """Processor time of this thread for one call, as the mean of a few."""
    start = time.thread_time()
    for _ in range(repeats):
        function()
    return (time.thread_time() - start) / repeats


def cold_start() -> tuple[float, float]:
    """Seconds a fresh process needs to have a Q4_K_M merge's kernels: without and with a cache."""
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "NUMBA_CACHE_DIR": cache}
        command = [sys.executable, "-c", COLD]
        cold, warm = (float(subprocess.check_output(command, env=env)) for _ in range(2))
    return cold, warm


if __name__ == "__main__":
    main()
