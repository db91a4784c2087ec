"""How long a fold takes beside a linear merge of two models of the same shape and types.

    python -m tests.bench.fold --shape 1b --rank 16 --pairs 5

Makes a synthetic pair (Q4_K_M) and an adapter of the rank for every matrix of the blocks, then in
turn merges the pair and folds the adapter into its first model, each in a fresh process with the
same threads, to the last write, with kernels compiled and inputs in the page cache. A fold is meant
to take at most 1.5 times a merge. Memory is what a run added to what stood there before, beside its
cap. Linux only.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.gguf_form import write_adapter
from edgemed.gguf import open_model
from tests.bench.merge import VOCABULARY, cached, timed
from tests.bench.synthetic import SHAPES, write_model

RUN = """
import json, sys, time
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between, of_models
from edgemed.merging.run.run import Meter, compile_kernels, run_plan
from pathlib import Path
out, threads, max_ram, a, *other = sys.argv[1:]
recipe = between(a, other[0], 0.5) if other else of_models([a], "passthrough")
plan = plan_merge(recipe, Path(out), int(threads), int(max_ram), True)
compile_kernels(plan, Meter(plan.weights, None))
before = int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) * 1024
busy = time.process_time()
result = run_plan(plan, load_check=False)
print(json.dumps({"busy": time.process_time() - busy, "seconds": result.seconds,
                  "weights": result.weights, "before": before, "buffers": plan.buffers.nbytes}))
"""


def write_lora(path: Path, model: Path, rank: int) -> None:
    """Random pairs for every matrix of the blocks."""
    rng, pairs = np.random.default_rng(3), {}
    for name, tensor in open_model(model).tensors.items():
        if name.startswith("blk.") and len(tensor.shape) == 2:
            a = rng.standard_normal((rank, tensor.row_length), np.float32) * np.float32(0.01)
            b = rng.standard_normal((tensor.rows, rank), np.float32) * np.float32(0.01)
            pairs[name] = Pair(a, b, 2.0)
    write_adapter(path, Adapter("llama", pairs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="1b")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-ram", type=int, default=64 << 20)
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        a, b, lora, out = (folder / f"{n}.gguf" for n in ("a", "b", "lora", "out"))
        for seed, path in enumerate((a, b)):
            write_model(path, SHAPES[args.shape], "Q4_K_M", VOCABULARY, seed)
        write_lora(lora, a, args.rank)
        limits = [out, str(args.threads), str(args.max_ram)]
        ratios, busy = [], []
        for number in range(args.pairs + 1):
            cached(a, b, lora)
            merge = timed(RUN, [*limits, a, b])
            fold = timed(RUN, [*limits, f"{a}+{lora}"])
            if number:  # the first compiles
                ratios.append(fold["seconds"] / merge["seconds"])
                busy.append(fold["busy"] / merge["busy"])
                added = (fold["anonymous"] - fold["before"]) >> 20
                print(
                    f"merge {merge['seconds']:.2f} s, fold {fold['seconds']:.2f} s, ratio "
                    f"{ratios[-1]:.2f}; processors {merge['busy']:.2f} s and {fold['busy']:.2f} s, "
                    f"ratio {busy[-1]:.2f}; the fold added {added} MiB, its buffers are "
                    f"{fold['buffers'] >> 20} MiB",
                    flush=True,
                )
        least, most = min(ratios), max(ratios)
        print(
            f"median ratio {statistics.median(ratios):.2f}, {least:.2f} to {most:.2f}; of "
            f"processors {statistics.median(busy):.2f}, {min(busy):.2f} to {max(busy):.2f}"
        )


if __name__ == "__main__":
    sys.exit(main())
