"""A merge killed with SIGKILL at random moments and resumed, over and over: the same sha256 always.

    python -m tests.bench.kill_merge --kills 100

Makes a synthetic pair (Q4_K_M), merges it once undisturbed, then merges it with --resume in fresh
processes. Each is killed at a random moment after its journal has appeared, or ends before that;
after each end the output is compared and removed. POSIX only.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgemed.merging.journal import journal_of
from edgemed.output import part_of
from tests.bench.synthetic import SHAPES, write_model

DATA = Path(os.environ.get("EDGEMED_DATA", Path(__file__).parents[3] / "shared" / "data"))
VOCABULARY = DATA / "vocab" / "ggml-vocab-llama-bpe.gguf"


def command(a: Path, b: Path, out: Path, threads: int, method: str) -> list[str]:
    """A merge that goes on with what it finds."""
    words = [sys.executable, "-m", "edgemed.cli.main", "merge", str(a), str(b), "--t", "0.5"]
    words += ["--tokenizer-from", "A", "--method", method]
    return [*words, "-o", str(out), "--threads", str(threads), "--resume"]


def sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def attempt(words: list[str], out: Path, wait: float) -> bool:
    """Run until `wait` seconds after this run began its journal, then kill; whether it was killed.

    A run begins its journal anew, so the old one's time of change tells the two apart.
    """
    journal = journal_of(out)
    before = journal.stat().st_mtime_ns if journal.exists() else 0
    said = out.with_suffix(".said")
    with (
        said.open("wb") as said_to,
        subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=said_to) as child,
    ):
        while child.poll() is None:
            if journal.exists() and journal.stat().st_mtime_ns != before:
                break
            time.sleep(0.002)
        try:
            if child.wait(wait) != 0:
                sys.exit(f"a merge ended with {child.returncode}: {said.read_text()[-500:]}")
            return False
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
    return True


def bench(args: argparse.Namespace, folder: Path) -> None:
    """Kill and resume until there were enough kills."""
    a, b, whole, out = (folder / f"{name}.gguf" for name in ("a", "b", "whole", "out"))
    for seed, path in enumerate((a, b), 1):
        write_model(path, SHAPES[args.shape], "Q4_K_M", VOCABULARY, seed)
    subprocess.run(command(a, b, whole, args.threads, args.method), check=True, capture_output=True)
    whole.unlink()
    start = time.perf_counter()
    subprocess.run(command(a, b, whole, args.threads, args.method), check=True, capture_output=True)
    seconds, known = time.perf_counter() - start, sha(whole)
    moments = random.Random(args.seed)
    kills = whole_runs = largest = 0
    words = command(a, b, out, args.threads, args.method)
    while kills < args.kills or not out.exists():
        out.unlink(missing_ok=True)
        last = kills >= args.kills
        if attempt(words, out, 3600.0 if last else moments.uniform(0.0, 0.7 * seconds)):
            kills += 1
            lines = journal_of(out).read_bytes().count(b"\n") if journal_of(out).exists() else 0
            largest = max(largest, lines)
            if out.exists() and sha(out) != known:
                sys.exit(f"after {kills} kills: another sha256")
            continue
        whole_runs += 1
        if sha(out) != known:
            sys.exit(f"after {kills} kills: another sha256")
        if part_of(out).exists() or journal_of(out).exists():
            sys.exit("something was left beside the output")
    print(
        f"{args.shape}, {args.method}, {args.threads} threads, an undisturbed merge takes "
        f"{seconds:.1f} s: {kills} kills, {whole_runs} outputs, all {known[:16]}...; "
        f"the longest journal had {largest} lines"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--method", default="linear")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench(args, Path(folder))


if __name__ == "__main__":
    main()
