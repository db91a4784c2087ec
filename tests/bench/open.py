"""Opening a vocabulary: `python -m tests.bench.open [FILE] [--pairs N] [--json]`.

edgemed's `open_model` and gguf-py's `GGUFReader` open the same file in turns, each time in a fresh
process. Seconds are those of the call alone, imports not counted; memory is the process's peak,
interpreter and imports counted, beside what it had before the call. Linux only (/proc).
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from tests.conftest import DATA

VOCABULARY = DATA / "vocab" / "ggml-vocab-llama-bpe.gguf"

CHILD = """
import json, sys, time
def memory(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1000
{imports}
before = memory("VmRSS")
start = time.perf_counter()
opened = {call}
seconds = time.perf_counter() - start
print(json.dumps({{"seconds": seconds, "before_mb": before, "peak_mb": memory("VmHWM")}}))
"""

READERS: dict[str, tuple[str, str]] = {
    "edgemed open_model": ("from edgemed.gguf import open_model", "open_model(sys.argv[1])"),
    "gguf GGUFReader": ("from gguf import GGUFReader", "GGUFReader(sys.argv[1])"),
}


def open_once(reader: str, path: Path) -> dict[str, float]:
    """Seconds and megabytes of one reader in a fresh process."""
    imports, call = READERS[reader]
    code = CHILD.format(imports=imports, call=call)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def measure(path: Path, pairs: int) -> dict[str, list[dict[str, float]]]:
    """Every reader `pairs` times, in turns."""
    runs: dict[str, list[dict[str, float]]] = {reader: [] for reader in READERS}
    for _ in range(pairs):
        for reader, figures in runs.items():
            figures.append(open_once(reader, path))
    return runs


def spread(values: list[float], digits: int) -> str:
    """Median, and the first and third quartile."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def show(runs: dict[str, list[dict[str, float]]]) -> None:
    """A line a reader, and the ratio taken pair by pair."""
    print(f"{'':20} {'seconds':>26} {'MB before':>10} {'most MB':>10}")
    for reader, figures in runs.items():
        seconds = spread([f["seconds"] for f in figures], digits=3)
        before, peak = (max(f[key] for f in figures) for key in ("before_mb", "peak_mb"))
        print(f"{reader:20} {seconds:>26} {before:>10.1f} {peak:>10.1f}")
    ours, theirs = runs.values()
    ratios = [b["seconds"] / a["seconds"] for a, b in zip(ours, theirs, strict=True)]
    print(f"times faster: {spread(ratios, digits=0)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?", default=VOCABULARY)
    parser.add_argument("--pairs", type=int, default=15, help="at least 2")
    parser.add_argument("--json", action="store_true", help="every run, for programs")
    args = parser.parse_args()
    if args.pairs < 2:
        parser.error("quartiles need at least 2 pairs")
    runs = measure(args.file, args.pairs)
    if args.json:
        print(json.dumps({"file": args.file.name, "runs": runs}))
        return
    size = args.file.stat().st_size / 1e6
    print(
        f"{args.file.name}, {size:.1f} MB, {args.pairs} pairs; median (quartiles), largest memory"
    )
    show(runs)


if __name__ == "__main__":
    main()
