"""How long a merge takes beside llama.cpp's own quantization of one F16 file of the same shape.

    python -m tests.bench.merge --shape 1b --pairs 5
    python -m tests.bench.merge --shape 1b --pairs 3 --methods all

Makes a synthetic pair (Q4_K_M) and an F16 file of one shape, then in turn merges the pair and runs
llama.cpp's `llama_model_quantize` to Q4_K_M, each in a fresh process with the same threads.
Both are timed to the last write with their inputs in the page cache; the sync is a column of its
own. Peak anonymous memory is polled from /proc. Linux only.

With --methods every method runs once in each round, between runs of linear over as many sources
(two, or a base and two), all Q4_K_M: the ratio is that to the mean of the linear runs before and
after its group, the median over the rounds, with the least and the most. Memory is what a run added
to what stood there when its kernels were loaded, beside the cap on buffers.

A method without a statistics pass is meant to take at most 1.2 times linear, one with a pass twice.
Four take more, for what they compute of every weight:
    sce           two passes, one after the other: which elements vary most, then their squares
    della         the rank of every element in its row, of two deltas, in the pass and in the mix
    arcee_fusion  two softmaxes and a logarithm in float64, then three quartiles of their product
    orthogonal    with a rank of 16: five passes, each with 2 x 24 multiplications for every weight
(karcher is no slower than SLERP: its iteration needs nothing but the products of the sources.)
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
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.run.run import run_plan
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
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import weighted
from edgemed.merging.run.run import Meter, compile_kernels, run_plan
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
compile_kernels(plan, Meter(plan.weights, None))
status = Path("/proc/self/status").read_text()
before = int(status.split("RssAnon:")[1].split()[0]) * 1024
result = run_plan(plan)
print(json.dumps({
    "seconds": result.seconds, "weights": result.weights, "buffers": plan.buffers.nbytes,
    "before": before,
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


LINEAR = ("linear", {"weight": 0.5})
ELEMENTWISE, ONE_PASS = 1.2, 2.0
"""How many times linear's time a method may take without a pass over the tensor first, and with."""


def groups(names: Sequence[str], table: dict[str, Any]) -> dict[bool, dict[str, Any]]:
    """Methods with their settings: without a base of their own, and with one."""
    cases = {name: (name, timings(name, table)) for name in table}
    cases |= {n: (m, timings(m, table) | more) for n, (m, more) in VARIANTS.items()}
    asked = names or [name for name in cases if name != "linear"]
    return {
        based: {n: cases[n] for n in asked if (table[cases[n][0]].base == "required") == based}
        for based in (False, True)
    }


def bench_methods(args: argparse.Namespace, folder: Path) -> None:
    """All methods, round by round; the first round is over tiny files and compiles."""
    from edgemed.merging.methods.table import METHODS

    names = [] if args.methods == "all" else args.methods.split(",")
    limits = (str(args.threads), str(args.max_ram << 20))
    rows: dict[str, list[dict[str, Any]]] = {}
    for round in range(args.pairs + 1):
        shape = args.shape if round else "tiny"
        files = [folder / f"{shape}-{name}.gguf" for name in ("base", "a", "b")]
        for seed, path in enumerate(files):
            if not path.exists():
                write_model(path, SHAPES[shape], "Q4_K_M", VOCABULARY, seed=seed)
        cached(*files)
        for based, cases in groups(names, METHODS).items():
            sources = (files[0] if based else Path("-"), *files[1:], folder / "out", *limits)

            def one(case: Any, sources: Any = sources) -> dict[str, Any]:
                return timed(METHOD, (*sources, case[0], json.dumps(case[1])))

            linear = [one(LINEAR)]
            found = {name: one(case) for name, case in cases.items()}
            linear.append(one(LINEAR))
            usual = statistics.mean(row["seconds"] for row in linear)
            for name, row in found.items() if round else ():
                rows.setdefault(name, []).append(row | {"ratio": row["seconds"] / usual})
            title = f"linear of {2 + based}"
            for row in linear if round else ():
                rows.setdefault(title, []).append(row | {"ratio": row["seconds"] / usual})
    show_methods(args, rows, METHODS)


def show_methods(args: argparse.Namespace, rows: dict[str, Any], table: dict[str, Any]) -> None:
    """One line a method, then which exceed what they may take."""
    print(
        f"{args.shape}, {args.threads} threads, {args.pairs} rounds, cap {args.max_ram} MiB, "
        f"{date.today()}, {platform.machine()} {platform.system()}"
    )
    print(
        f"{'':22}{'seconds':>9}{'of linear':>11}{'least - most':>16}{'added MB':>10}{'plan MB':>9}"
    )
    slow, large = [], []
    for name, runs in rows.items():
        ratios = [row["ratio"] for row in runs]
        added = max(row["anonymous"] - row["before"] for row in runs) / 1e6
        seconds = statistics.median(row["seconds"] for row in runs)
        print(
            f"{name:22}{seconds:9.2f}{statistics.median(ratios):11.2f}{min(ratios):9.2f} -"
            f"{max(ratios):5.2f}{added:10,.1f}{runs[0]['buffers'] / 1e6:9,.1f}"
        )
        method = table.get(VARIANTS.get(name, (name,))[0])
        limit = ONE_PASS if method is not None and method.passes else ELEMENTWISE
        slow += [f"{name} (over {limit:g})"] if statistics.median(ratios) > limit else []
        large += [name] if added > args.max_ram * (1 << 20) / 1e6 else []
    print(f"slower than meant: {', '.join(slow) or 'none'}")
    print(f"memory over the cap: {', '.join(large) or 'none'}")


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
