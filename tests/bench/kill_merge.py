"""A merge killed with SIGKILL at random moments and resumed, over and over: the same sha256 always.

    python -m tests.bench.kill_merge --kills 100

Makes a synthetic pair (Q4_K_M), merges it once undisturbed, then merges it with --resume until
there were enough kills. Every attempt is a process of its own (forked, so that nothing is imported
or compiled anew) that says how far it is through shared memory. Before each attempt a phase is
drawn, and a part of its usual length: there the attempt is killed. After each end every file in the
folder is looked at, and a complete output is compared and removed. POSIX only.
"""

import argparse
import hashlib
import io
import mmap
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from itertools import pairwise
from pathlib import Path
from typing import Any

from edgemed.cli.main import main as edgemed
from edgemed.merging.plan.fingerprints import Fingerprints
from edgemed.merging.run import run
from edgemed.merging.run.journal import Journal
from edgemed.storage.output import Output, journal_of, part_of
from tests.bench.synthetic import SHAPES, write_model

DATA = Path(os.environ.get("EDGEMED_DATA", Path(__file__).parents[3] / "shared" / "data"))
VOCABULARY = DATA / "vocab" / "ggml-vocab-llama-bpe.gguf"

PHASES: tuple[tuple[str, Any, str], ...] = (
    ("planning", None, ""),
    ("opening the journal", Journal, "__init__"),
    ("hashing the inputs", Fingerprints, "hashes"),
    ("opening the output", Output, "__init__"),
    ("reading what is there", Journal, "of"),
    ("merging", run, "run_steps"),
    ("syncing", Output, "sync"),
    ("renaming", Output, "finish"),
    ("removing the journal", Journal, "remove"),
)
"""What an attempt goes through: a name, and the function whose call begins it."""

LONGEST = 3600.0


def watched(phases: mmap.mmap) -> None:
    """Have every phase write its number into `phases`, in this process, when it begins."""
    for number, (_, owner, name) in enumerate(PHASES):
        if owner is not None:
            setattr(owner, name, announced(getattr(owner, name), phases, number))


def announced(function: Callable[..., Any], phases: mmap.mmap, number: int) -> Callable[..., Any]:
    def announcing(*arguments: Any, **named: Any) -> Any:
        phases[0] = number
        return function(*arguments, **named)

    return announcing


class Attempt:
    """A merge in a forked process, and the phase that it is in."""

    def __init__(self, words: list[str]) -> None:
        self._phases = mmap.mmap(-1, 1)
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._merge(words))

    def _merge(self, words: list[str]) -> int:
        watched(self._phases)
        said = io.StringIO()
        with redirect_stderr(said):
            code = edgemed(words)
        if code:
            os.write(2, said.getvalue().encode())
        return code

    @property
    def phase(self) -> int:
        return self._phases[0]

    def ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def kill(self) -> bool:
        """Kill it; False if it had ended before."""
        if self.ended():
            return False
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return self.code == -signal.SIGKILL


def reached(attempt: Attempt, phase: int) -> bool:
    """Wait for the phase; False if the attempt ended before."""
    while attempt.phase < phase:
        if attempt.ended():
            return False
        time.sleep(0)
    return True


def lengths(words: list[str]) -> list[float]:
    """Seconds of every phase of an undisturbed merge."""
    attempt, begun = Attempt(words), [time.perf_counter()]
    for phase in range(1, len(PHASES)):
        reached(attempt, phase)
        begun.append(time.perf_counter())
    while not attempt.ended():
        time.sleep(0.001)
    if attempt.code:
        sys.exit(f"an undisturbed merge ended with {attempt.code}")
    begun.append(time.perf_counter())
    return [end - start for start, end in pairwise(begun)]


def sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(out: Path, known: str, complete: bool) -> bool:
    """Whether the output stands there, which must then be the known one, with nothing beside it."""
    if complete and (not out.exists() or part_of(out).exists() or journal_of(out).exists()):
        sys.exit("an attempt ended well and left something beside its output, or none")
    if not out.exists():
        return False
    if sha(out) != known:
        sys.exit(f"another sha256: {sha(out)}, not {known}")
    return True


def finish(words: Sequence[str], out: Path, known: str) -> None:
    """Go on once more, to the end."""
    last = Attempt([*words, "-o", str(out)])
    while not last.ended():
        time.sleep(0.01)
    check(out, known, complete=True)


def bench(args: argparse.Namespace, folder: Path) -> None:
    """Kill and resume until there were enough kills, then once more to the end."""
    a, b, whole, out = (folder / f"{name}.gguf" for name in ("a", "b", "whole", "out"))
    for seed, path in enumerate((a, b), 1):
        write_model(path, SHAPES[args.shape], "Q4_K_M", VOCABULARY, seed)
    words = ["merge", str(a), str(b), "--t", "0.5", "--tokenizer-from", "A", "--resume"]
    words += ["--method", args.method, "--threads", str(args.threads), "--max-ram", args.max_ram]
    with redirect_stderr(io.StringIO()):
        edgemed([*words, "-o", str(whole)])  # compiles the kernels
    whole.unlink()
    usual = lengths([*words, "-o", str(whole)])
    known, moments = sha(whole), random.Random(args.seed)
    kills: Counter[str] = Counter()
    resumed, outputs, start = 0, 0, time.perf_counter()
    while kills.total() < args.kills:
        goes_on = journal_of(out).exists()
        phase = moments.randrange(len(PHASES))
        wait = moments.random() * usual[phase]
        attempt = Attempt([*words, "-o", str(out)])
        if reached(attempt, phase):
            time.sleep(wait)
        where = attempt.phase
        killed = attempt.kill()
        if killed:
            kills[PHASES[where][0]] += 1
            resumed += goes_on
        elif attempt.code:
            sys.exit(f"an attempt ended with {attempt.code}")
        if check(out, known, complete=not killed):
            outputs += 1
            out.unlink()
    finish(words, out, known)
    seconds = time.perf_counter() - start
    print(
        f"{args.shape}, {args.method}, {args.threads} threads; an undisturbed merge takes "
        f"{sum(usual):.2f} s\n{kills.total()} kills in {seconds:.0f} s, {resumed} of them while "
        f"going on after another; {outputs + 1} outputs, all sha256 {known}"
    )
    for name, *_ in PHASES:
        print(f"  {kills[name]:4} kills while {name}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--method", default="linear")
    parser.add_argument("--max-ram", default="2M", help="small buffers: many chunks")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench(args, Path(folder))


if __name__ == "__main__":
    main()
