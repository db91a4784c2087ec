"""How long a merge takes beside llama.cpp's own quantization of one F16 file of the same shape.

    python -m tests.bench.merge --shape 1b --pairs 5
    python -m tests.bench.merge --shape 1b --pairs 15 --methods all

Makes a synthetic pair (Q4_K_M) and an F16 file of one shape, then in turn merges the pair and runs
llama.cpp's `llama_model_quantize` to Q4_K_M, each in a fresh process with the same threads.
Both are timed to the last write with their inputs in the page cache; the sync is a column of its
own. Peak anonymous memory is polled from /proc. Linux only.

With --methods each method runs in turn with linear over as many sources (two, or a base and two),
all Q4_K_M: the ratio is the median over the pairs, with the pairs' quartiles.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tests.bench.synthetic import SHAPES, write_model

DATA = Path(os.environ.get("EDGEMED_DATA", Path(__file__).parents[3] / "shared" / "data"))
VOCABULARY = DATA / "vocab" / "ggml-vocab-llama-bpe.gguf"

MERGE = """
import json, sys, time
from edgemed.merging.plan import plan_merge
from edgemed.merging.recipe import between
from edgemed.merging.run import run_plan
from pathlib import Path
a, b, out, threads, max_ram, method = sys.argv[1:]
start = time.perf_counter()
recipe = between(a, b, 0.5, method)
plan = plan_merge(recipe, Path(out), int(threads), int(max_ram), True)
result = run_plan(plan)
print(json.dumps({
    "seconds": time.perf_counter() - start - result.sync_seconds,
    "sync": result.sync_seconds, "weights": result.weights, "bytes": result.nbytes,
}))
"""

METHOD = """
import json, sys
from edgemed.merging.plan import plan_merge
from edgemed.merging.recipe import weighted
from edgemed.merging.run import run_plan
from pathlib import Path
base, a, b, out, threads, max_ram, method, settings = sys.argv[1:]
models = [Path(a), Path(b)] if base == "-" else [Path(base), Path(a), Path(b)]
settings, common = json.loads(settings), None
if method != "linear" and base != "-":
    common, models = models[0], models[1:]
if method == "passthrough":
    models = models[:1]
recipe = weighted(models, method, common, None, settings)
plan = plan_merge(recipe, Path(out), int(threads), int(max_ram), True)
result = run_plan(plan)
print(json.dumps({
    "seconds": result.seconds, "weights": result.weights, "buffers": plan.buffers.nbytes,
}))
"""

QUANTIZE = """
import ctypes, json, os, sys, time
import llama_cpp
source, out, threads = sys.argv[1:]
llama_cpp.llama_backend_init()
params = llama_cpp.llama_model_quantize_default_params()
params.nthread, params.ftype = int(threads), llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M
start = time.perf_counter()
code = llama_cpp.llama_model_quantize(source.encode(), out.encode(), ctypes.byref(params))
seconds = time.perf_counter() - start
if code: sys.exit(f"llama_model_quantize returned {code}")
start = time.perf_counter()
fd = os.open(out, os.O_RDWR); os.fsync(fd)
print(json.dumps({"seconds": seconds, "sync": time.perf_counter() - start}))
"""


def timed(code: str, arguments: Sequence[str | Path]) -> dict[str, Any]:
    """Run `code` in a fresh process; its JSON, with the peak of its anonymous memory."""
    words = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        peak = 0
        while child.poll() is None:
            peak = max(peak, anonymous_bytes(child.pid))
            time.sleep(0.02)
        out, err = child.communicate()
    if child.returncode:
        sys.exit(err[-2000:])
    return json.loads(out.splitlines()[-1]) | {"anonymous": peak}


def anonymous_bytes(pid: int) -> int:
    """RssAnon of a process now; 0 once it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def cached(*paths: Path) -> None:
    """Read files once, so that their pages are in memory."""
    for path in paths:
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass


def disk_rate(folder: Path, size: int = 1 << 30) -> float:
    """MB/s of writing and syncing a gibibyte to `folder`."""
    path, block = folder / "rate", os.urandom(1 << 24)
    start = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    path.unlink()
    return size / seconds / 1e6


def bench(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the files, run the pairs, return the rows."""
    shape = SHAPES[args.shape]
    a, b, f16, out = (folder / f"{n}.gguf" for n in ("a", "b", "f16", "out"))
    rate = disk_rate(folder)
    write_model(a, shape, "Q4_K_M", VOCABULARY, seed=1)
    write_model(b, shape, "Q4_K_M", VOCABULARY, seed=2)
    if not args.merge_only:
        write_model(f16, shape, "F16", VOCABULARY, seed=1)
    merges, quantizations = [], []
    merge_arguments = (a, b, out, str(args.threads), str(args.max_ram << 20), args.method)
    timed(MERGE, merge_arguments)  # compiles the kernels, once
    for _ in range(args.pairs):
        cached(a, b)
        merges.append(timed(MERGE, merge_arguments))
        out.unlink()
        if not args.merge_only:
            cached(f16)
            quantizations.append(timed(QUANTIZE, (f16, out, str(args.threads))))
            out.unlink()
    return {"rate": rate, "merge": merges, "quantize": quantizations}


SETTINGS: dict[str, dict[str, Any]] = {
    "slerp": {"t": 0.5},
    "nearswap": {"t": 0.001},
    "sce": {"select_topk": 0.5},
    "passthrough": {"scale": 0.9},
    "decouple": {"keep": "all", "consensus": 0.5},
    "della": {"epsilon": 0.1},
    "della_linear": {"epsilon": 0.1},
}
"""What a method is timed with, beside weight 0.5 and density 0.5 where it has them."""

VARIANTS = {
    "nuslerp by rows": ("nuslerp", {"nuslerp_flatten": False}),
    "orthogonal rank 16": ("orthogonal", {"rank": 16}),
}


def timings(method: str, table: dict[str, Any]) -> dict[str, Any]:
    """The settings of a method's timing."""
    usual = {"weight": 0.5, "density": 0.5}
    known = {k: v for k, v in usual.items() if k in table[method].parameters}
    return known | SETTINGS.get(method, {})


def bench_methods(args: argparse.Namespace, folder: Path) -> None:
    """Every method in turn with linear; one row each as it is done."""
    from edgemed.merging.method_table import METHODS

    base, a, b, out = (folder / f"{n}.gguf" for n in ("base", "a", "b", "out"))
    for seed, path in enumerate((base, a, b)):
        write_model(path, SHAPES[args.shape], "Q4_K_M", VOCABULARY, seed=seed)
    cases = {name: (name, timings(name, METHODS)) for name in METHODS}
    cases |= {n: (m, timings(m, METHODS) | more) for n, (m, more) in VARIANTS.items()}
    asked = list(cases) if args.methods == "all" else args.methods.split(",")
    print(f"{'':22}{'seconds':>9}{'of linear':>11}{'quartiles':>16}{'peak MB':>9}{'plan MB':>9}")
    for name in asked:
        method, settings = cases[name]
        wants_base = METHODS[method].base == "required"
        limits = (str(args.threads), str(args.max_ram << 20))
        files = (base if wants_base else Path("-"), a, b, out, *limits)
        runs = {"this": (*files, method, json.dumps(settings))}
        runs["linear"] = (*files, "linear", '{"weight": 0.5}')
        rows: dict[str, list[dict[str, Any]]] = {key: [] for key in runs}
        for i in range(args.pairs + 1):  # the first compiles, and reads the files
            for key, arguments in runs.items():
                row = timed(METHOD, arguments)
                if i:
                    rows[key].append(row)
        show_method(name, rows["this"], rows["linear"])


def show_method(name: str, rows: list[dict[str, Any]], linear: list[dict[str, Any]]) -> None:
    """One line: seconds, the ratio to linear in the same pair, memory."""
    ratios = [r["seconds"] / x["seconds"] for r, x in zip(rows, linear, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    seconds = statistics.median(r["seconds"] for r in rows)
    peak = max(r["anonymous"] for r in rows) / 1e6
    print(
        f"{name:22}{seconds:9.2f}{statistics.median(ratios):11.2f}{low:9.2f} -{high:5.2f}"
        f"{peak:9,.0f}{rows[0]['buffers'] / 1e6:9,.0f}",
        flush=True,
    )


def show(args: argparse.Namespace, result: dict[str, Any]) -> None:
    """One row for each tool, then the ratio."""
    print(
        f"{args.shape}, {args.method}, {args.threads} threads, {args.pairs} interleaved pairs, "
        f"{date.today()}, {platform.machine()} {platform.system()}; disk {result['rate']:,.0f} MB/s"
    )
    print(f"{'':22}{'seconds':>9}{'sync':>8}{'peak anonymous MB':>20}")
    for name in ("merge", "quantize"):
        rows = result[name]
        if rows:
            median = {
                k: statistics.median(r[k] for r in rows) for k in ("seconds", "sync", "anonymous")
            }
            title = "edgemed merge A B" if name == "merge" else "llama_model_quantize"
            print(
                f"{title:22}{median['seconds']:9.2f}{median['sync']:8.2f}"
                f"{median['anonymous'] / 1e6:20,.0f}"
            )
    weights = result["merge"][0]["weights"]
    seconds = statistics.median(r["seconds"] for r in result["merge"])
    print(f"merge: {weights / seconds / 1e6:,.0f} M weights/s")
    ratios = sorted(
        q["seconds"] / m["seconds"]
        for m, q in zip(result["merge"], result["quantize"], strict=False)
    )
    if ratios:
        print(
            f"ratio (quantize / merge): median {statistics.median(ratios):.1f}, "
            f"all pairs {ratios[0]:.1f} to {ratios[-1]:.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--method", default="linear")
    parser.add_argument("--max-ram", type=int, default=64, metavar="MIB")
    parser.add_argument(
        "--methods", metavar="NAMES", help="`all` or names with commas: methods beside linear"
    )
    parser.add_argument("--merge-only", action="store_true", help="do not run llama.cpp beside it")
    parser.add_argument(
        "--dir", type=Path, default=None, help="where the files go (8b takes 31 GB)"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        if args.methods:
            bench_methods(args, Path(folder))
            return
        result = bench(args, Path(folder))
    print(json.dumps(result)) if args.json else show(args, result)


if __name__ == "__main__":
    main()
