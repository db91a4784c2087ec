"""Two merges to one output, each stopped at a call of its own while the other runs, over and over.

    python -m tests.bench.race_merge 200

Merges a small pair with two recipes, so that it shows whose bytes stand under the final name. The
first is stopped at a call drawn at random (most of them near its end: sync, close, rename, unlink),
the second runs up to a call of its own, then the first goes on to its end, then the second. Then
what stands under the final name must be one of the two outputs, whole, and an exit code of 0 says
that it was there. Variants: with and without --force, --resume, shards. Linux with gcc only.
"""

import hashlib
import io
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

from tests.faults.shim import Attempt, Fault, preloaded

VARIANTS: tuple[tuple[str, ...], ...] = (
    (),
    ("--force",),
    ("--resume",),
    ("--split-max-size", "150K"),
    ("--resume", "--split-max-size", "150K"),
    ("--force", "--split-max-size", "150K"),
)
LATE = 14
"""Calls before the end of a merge in which most stops are."""


def sums(folder: Path) -> dict[str, str]:
    """The sha256 of every model under a final name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.suffix == ".gguf"
    }


def merge_of(
    pair: tuple[Path, Path], out: Path, t: str, options: tuple[str, ...]
) -> Callable[[], int]:
    words = ["merge", *map(str, pair), "--t", t, "-o", str(out), "--threads", "2"]

    def run() -> int:
        from edgemed.cli.main import main

        return main([*words, "--max-ram", "60000", *options])

    return run


class Race:
    """One variant: what each of its two merges writes alone, and in how many calls."""

    def __init__(self, pair: tuple[Path, Path], options: tuple[str, ...], place: Path) -> None:
        self.pair, self.options, self.place = pair, options, place
        self.whole: list[dict[str, str]] = []
        self.calls: list[int] = []
        for t in ("0.25", "0.75"):
            folder = self.fresh()
            attempt = self.attempt(folder, t, Fault("count", folder))
            if attempt.end():
                sys.exit(f"an undisturbed merge ended with {attempt.code}")
            self.whole.append(sums(folder))
            self.calls.append(attempt.told.calls)

    def fresh(self) -> Path:
        folder = self.place / "race"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def attempt(self, folder: Path, t: str, fault: Fault) -> Attempt:
        run = merge_of(self.pair, folder / "out.gguf", t, self.options)
        return Attempt(run, fault, self.place / f"said-{t}")

    def run(self, chance: random.Random) -> tuple[str, str]:
        """One race; what happened in a word, and what is wrong with it (empty: nothing)."""
        folder = self.fresh()
        at = [self.moment(chance, calls) for calls in self.calls]
        first = self.attempt(folder, "0.25", Fault("stop", folder, at[0]))
        stopped = first.stopped()
        second = self.attempt(folder, "0.75", Fault("stop", folder, at[1]))
        second.stopped()
        codes = [first.end() if stopped else first.code]
        fault = self.fault(folder, codes, [0])
        codes.append(second.end())
        fault = fault or self.fault(folder, codes, [0, 1])
        where = f"stopped at {first.reached or 'nothing'}, the other at {second.reached or '-'}"
        word = "".join("x" if code else "w" for code in codes)
        return word, f"{where}: {fault}" if fault else ""

    def moment(self, chance: random.Random, calls: int) -> int:
        near = chance.random() < 0.8
        return chance.randint(max(1, calls - LATE) if near else 1, calls)

    def fault(self, folder: Path, codes: list[int | None], ended: list[int]) -> str:
        """What is wrong after these merges have ended; empty if nothing is."""
        found = sums(folder)
        for number in ended:
            said = (self.place / f"said-{('0.25', '0.75')[number]}.err").read_text()
            if "Traceback" in said or "internal error" in said or codes[number] not in (0, 1, 3):
                return f"merge {number} ended with {codes[number]}: {said.splitlines()[-2:]}"
        known = {name: {w[name] for w in self.whole if name in w} for w in self.whole for name in w}
        for name, sha in found.items():
            if sha not in known.get(name, ()):
                return f"{name} is neither output, codes {codes}"
        done = [number for number in ended if codes[number] == 0]
        if done and found not in self.whole:
            return f"codes {codes} and {sorted(found)} are a mixture or not there"
        if len(ended) == 2 and len(done) == 2 and "--force" not in self.options:
            return "both ended well, though only one output can stand there"
        return ""


def warm_up(pair: tuple[Path, Path], place: Path) -> None:
    """Import and compile in this process, so that its forks need not."""
    folder = place / "warm"
    folder.mkdir()
    with redirect_stderr(io.StringIO()):
        merge_of(pair, folder / "out.gguf", "0.5", ("--resume",))()
    shutil.rmtree(folder)


def bench(races: int, seed: int, place: Path) -> int:
    """Run the races; returns how many went wrong."""
    from tests.edgemed.merge_pairs import weights, write_pair_member

    pair = tuple(
        write_pair_member(place / f"{name}.gguf", weights(n), "Q4_K")
        for n, name in enumerate("ab", 1)
    )
    warm_up(pair, place)  # type: ignore[arg-type]
    variants = [Race(pair, options, place) for options in VARIANTS]  # type: ignore[arg-type]
    chance, ends, wrong, start = random.Random(seed), Counter[str](), 0, time.perf_counter()
    for number in range(races):
        race = variants[number % len(variants)]
        word, fault = race.run(chance)
        ends[word] += 1
        if fault:
            wrong += 1
            print(f"race {number} {' '.join(race.options)}: {fault}")
    how = ", ".join(f"{n} {word}" for word, n in sorted(ends.items()))
    seconds = time.perf_counter() - start
    print(f"{races} races in {seconds:.0f} s, {wrong} went wrong; w wrote, x refused: {how}")
    return wrong


def main() -> int:
    races = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as folder:
        code = preloaded("tests.bench.race_merge", Path(folder))
        if code is not None:
            return code
        return 1 if bench(races, seed, Path(folder)) else 0


if __name__ == "__main__":
    sys.exit(main())
