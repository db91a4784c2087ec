"""How long commands take to start: `python -m tests.bench.start --runs 15`.

A pair of small Q4_K_M models with the whole Llama-3 vocabulary is checked and merged by the real
command, each time in a fresh process. `before` is what the command took beside the merge itself:
imports, headers, vocabularies, plan, kernels from the disk cache. The first run of all, with an
empty cache, compiles what it needs and is a row of its own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.merge import VOCABULARY
from tests.bench.synthetic import SHAPES, write_model

COMMAND = """
import sys
from edgemed.cli.main import main
sys.exit(main(sys.argv[1:]))
"""

MERGE = """
import sys
import edgemed.cli.merging.merge as command
from edgemed.cli.main import main
def run_plan(*arguments, real=command.run_plan):
    result = real(*arguments)
    print(result.seconds + result.sync_seconds)
    return result
command.run_plan = run_plan
sys.exit(main(sys.argv[1:]))
"""


def timed(code: str, words: Sequence[str], cache: Path) -> tuple[float, float]:
    """Seconds of a whole command, and of those the seconds of the merge that it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    return seconds, float(done.stdout) if code == MERGE else 0.0


def show(title: str, seconds: Sequence[float]) -> None:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else [*seconds] * 3
    print(f"{title:44}{middle:8.2f}{low:8.2f} to {high:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        a, b, out, cache = (folder / n for n in ("a.gguf", "b.gguf", "out.gguf", "kernels"))
        for seed, path in enumerate((a, b)):
            write_model(path, SHAPES["tiny"], "Q4_K_M", VOCABULARY, seed)
        merge = ("merge", str(a), str(b), "--t", "0.5", "-o", str(out), "--force")
        print(f"{'seconds':44}{'median':>8}{'quartiles':>16}")
        show("merge, empty kernel cache, 1 run", [timed(MERGE, merge, cache)[0]])
        runs = [timed(MERGE, merge, cache) for _ in range(args.runs)]
        show("merge", [whole for whole, _ in runs])
        show("before: the same without the merge itself", [whole - part for whole, part in runs])
        check = ("check", str(a), str(b))
        show("check", [timed(COMMAND, check, cache)[0] for _ in range(args.runs)])
        show("--help", [timed(COMMAND, ("--help",), cache)[0] for _ in range(args.runs)])


if __name__ == "__main__":
    main()
