"""`edgemed instructions make` killed with SIGKILL at random moments, until it is done.

    python -m tests.bench.kill_instructions 300

Each run is a forked process with a scripted model, killed at a random moment and gone on with by
`--resume`, again and again, until it ends by itself. After every kill the file of tries holds
whole lines alone but for its end, no try that was told is lost, and no file has a final name too
early; in the end all files are the same to the byte as those of a run that was not killed. Every
other round ends with Ctrl-C (SIGINT) in place of the kill. POSIX only.
"""

import argparse
import io
import mmap
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path

import pytest

from edgemed.cli.main import main as edgemed
from edgemed.instructions.likeness import require
from edgemed.instructions.tries import Tries
from tests.edgemed.commands import scripted
from tests.edgemed.instructions.writer import Slow

TASKS = 12
NAMES = ("t.jsonl", "t.jsonl.json", "t.json")
WORDS = ["instructions", "make", "-o", "t.jsonl", "--alpaca", "t.json"]
PROGRESS = "t.jsonl.progress"


class Attempt:
    """A forked process that makes tasks; how many tries it has written."""

    def __init__(self, folder: Path, resume: bool) -> None:
        self.told = mmap.mmap(-1, 1)
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                code = self._work(folder, resume)
            except KeyboardInterrupt:  # before the command began, or behind its end
                code = 130
            os._exit(code)

    def _work(self, folder: Path, resume: bool) -> int:
        os.chdir(folder)
        said, add = io.StringIO(), Tries.add

        def told(tries: Tries, tried: object) -> None:
            add(tries, tried)  # type: ignore[arg-type]
            self.told[0] = len(tries.all)

        with redirect_stdout(said), redirect_stderr(said):
            patch = pytest.MonkeyPatch()
            patch.setattr(Tries, "add", told)
            scripted(patch, Slow(), "training.instructions_make")
            code = edgemed([*WORDS, "--count", str(TASKS), *(["--resume"] if resume else [])])
        if code not in (0, 130):
            os.write(2, said.getvalue().encode())
        return code

    def end(self, number: int) -> int:
        """Send a signal (0: none) and wait; its exit code, negative where a signal ended it."""
        if number:
            os.kill(self.pid, number)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code not in (0, 130, -signal.SIGKILL):
            sys.exit(f"an attempt needed a hand: {code}")
        return code


def check(folder: Path, told: int) -> bool:
    """What a stop left: lines whole, nothing told lost; whether the run can be gone on with."""
    progress = folder / PROGRESS
    if not progress.exists():
        if told and not (folder / "t.jsonl").exists():
            sys.exit("the tries are gone")
        return False
    with Tries(progress, anew=False) as tries:
        if len(tries.all) < told:
            sys.exit(f"{told} tries were told, and {len(tries.all)} are there")
        return tries.run is not None


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def bench(stops: int, seed: int, top: Path) -> tuple[int, int]:
    """Runs until there were enough stops; how many runs, and how many Ctrl-C there were."""
    require()
    import_module("edgemed.cli.training.instructions")  # once, before the processes are forked
    moments = random.Random(seed)
    whole = top / "whole"
    whole.mkdir()
    begun = time.perf_counter()
    Attempt(whole, False).end(0)
    usual = time.perf_counter() - begun
    if list(state(whole)) != sorted(NAMES):
        sys.exit(f"an undisturbed run leaves {list(state(whole))}")
    tasks = state(whole)["t.jsonl"]
    done = runs = asked = 0
    while done < stops:
        folder = top / str(runs)
        folder.mkdir()
        number = signal.SIGINT if runs % 2 else signal.SIGKILL
        resume = False
        while True:
            attempt = Attempt(folder, resume)
            time.sleep(moments.random() * usual * 0.9)
            code = attempt.end(number)
            if code == 0:
                break
            done, asked = done + 1, asked + (code == 130)
            if state(folder).get("t.jsonl", tasks) != tasks:
                sys.exit("a file has its final name too early")
            resume = check(folder, attempt.told[0])
            if not resume and (folder / "t.jsonl").exists():
                break  # stopped after its last step
        left = {n: data for n, data in state(folder).items() if not n.startswith(".edgemed-")}
        if left != state(whole):
            sys.exit(f"the files differ from those of an undisturbed run: {list(left)}")
        runs += 1
    return runs, asked


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("stops", type=int, nargs="?", default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        runs, asked = bench(args.stops, args.seed, Path(folder))
        seconds = time.perf_counter() - begun
    print(
        f"{args.stops} stops or a few more ({asked} by Ctrl-C) in {runs} runs, {seconds:.0f} s: "
        "no try lost, all files as undisturbed"
    )


if __name__ == "__main__":
    main()
