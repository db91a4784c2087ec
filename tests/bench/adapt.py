"""The memory of a training run beside its plan, and the time of a step, by shape.

    python -m tests.bench.adapt --shape 1b --tokens 512 --rank 16 --steps 2 --ways kept twice

Writes a synthetic Q4_K_M model of the shape (or takes --model FILE), then trains on random tokens
in a fresh process for each way: `kept` (no block is computed twice) and `twice`. Printed are the
plan by part, the most memory that the process had (anonymous, and of the mapped file; read every
10 ms), and seconds a step. The peak is meant to be under the file's size + 2.5 GB for 1b at rank
16 with 1 x 512 tokens. Linux only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.merge import VOCABULARY
from tests.bench.synthetic import SHAPES, write_model

RUN = """
import json, sys, threading, time
from pathlib import Path
import numpy as np
from edgemed.training.trainable import load_trainable, require_torch
require_torch()
import torch
from edgemed.training.adapt import Training
from edgemed.training.encoded import Data, Encoded
from edgemed.training.memory import needs, sizes_of
from edgemed.training.schedule import RunSettings

path, tokens, rank, steps, threads, way, dora = sys.argv[1:]
most = {"anonymous": 0, "file": 0, "both": 0}

def watch():
    while True:
        status = dict(line.split(":") for line in open("/proc/self/status"))
        anonymous, file = (int(status[k].split()[0]) * 1024 for k in ("RssAnon", "RssFile"))
        now = {"anonymous": anonymous, "file": file, "both": anonymous + file}
        for name, size in now.items():
            most[name] = max(most[name], size)
        time.sleep(0.01)

threading.Thread(target=watch, daemon=True).start()
torch.set_num_threads(int(threads))
_, model = load_trainable(Path(path))
drawn = np.random.default_rng(5)
count = int(tokens)
rows = tuple(Encoded(tuple(drawn.integers(0, 1000, count).tolist()), count // 4)
             for _ in range(int(steps)))
settings = RunSettings(rank=int(rank), alpha=2.0 * int(rank), batch_tokens=count, held_out=0.0,
            epochs=1, dora=dora == "dora")
training = Training(model, Data(rows, 0, count), settings)
model.keep = way == "kept"
plan = {n.kept: n for n in needs(sizes_of(model, Path(path), training.kept), training.weights,
                                 training.longest_step)}[model.keep]
seconds = []
for _ in range(int(steps)):
    began = time.perf_counter()
    training.step()
    seconds.append(round(time.perf_counter() - began, 1))
before = dict(most)
training.snapshot()
time.sleep(0.1)
print(json.dumps({"plan": plan.parts, "planned": plan.total, "most": most, "before saving": before,
                  "seconds": seconds}))
"""


def measured(*words: str) -> dict[str, Any]:
    """What a run in a fresh process found."""
    ran = subprocess.run(
        [sys.executable, "-c", RUN, *words], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def shown(way: str, found: dict[str, Any], file: int) -> str:
    """The figures of a run, in lines."""
    parts = ", ".join(f"{name} {size / 1e6:,.0f}" for name, size in found["plan"].items())
    most = found["most"]
    return (
        f"{way}: planned {found['planned'] / 1e6:,.0f} MB: {parts}\n"
        f"  seen {most['both'] / 1e6:,.0f} MB: anonymous {most['anonymous'] / 1e6:,.0f}, of files "
        f"{most['file'] / 1e6:,.0f}; {most['both'] / found['planned']:.2f} of the plan, "
        f"{(most['both'] - file) / 1e6:,.0f} beside the file; "
        f"seconds a step {', '.join(map(str, found['seconds']))}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="1b")
    parser.add_argument("--model", type=Path, help="a model of your own, in place of a shape")
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=("kept", "twice"), default=["kept", "twice"])
    parser.add_argument("--dora", action="store_true")
    parser.add_argument("--folder", type=Path, default=None, help="where the model is written")
    args = parser.parse_args()
    over = False
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        path = args.model or Path(name) / "model.gguf"
        if not args.model:
            write_model(path, SHAPES[args.shape], "Q4_K_M", VOCABULARY, 1)
        file = path.stat().st_size
        what = args.model or args.shape
        print(f"{what}: {file / 1e6:,.0f} MB, 1 x {args.tokens} tokens, rank {args.rank}")
        for way in args.ways:
            numbers = (args.tokens, args.rank, args.steps, args.threads)
            found = measured(str(path), *map(str, numbers), way, "dora" if args.dora else "")
            print(shown(way, found, file), flush=True)
            over |= found["most"]["both"] > found["planned"]
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
