"""Writers of the audit log killed with SIGKILL at random moments, over and over.

    python -m tests.bench.kill_audit 300

Each round forks one or two processes that open a log and add rows, and kills them at a random
moment; every third round begins in an empty folder, so that it hits the very first start. After
each kill the log is verified, every row that a process had been told is there must be there, and
the next row must go in. With --calls one more writer runs under strace, once for every call that
writes, syncs, names or removes a file, and is killed in that call. POSIX only.
"""

import argparse
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from edgemed.logs import audit
from edgemed.logs.audit import Log, LogFiles

WHEN = "2026-01-02T03:04:05+00:00"
ROWS = 4  # that a writer adds if nobody kills it
CALLS = (
    "pwrite64",
    "write",
    "fdatasync",
    "fsync",
    "rename",
    "link",
    "linkat",
    "unlink",
    "ftruncate",
)
CHILD = "from tests.bench.kill_audit import begin_and_add; begin_and_add()"


def place_in(folder: Path) -> LogFiles:
    return LogFiles(
        folder / "data" / "audit.sqlite", folder / "keys" / "key", folder / "keys" / "seal"
    )


class Writer:
    """A forked process that adds rows, and the numbers of those that it was told are there."""

    def __init__(self, place: LogFiles) -> None:
        self._told = mmap.mmap(-1, 4 * ROWS)
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._write(place))

    def _write(self, place: LogFiles) -> int:
        try:
            log = Log(place)
            for at in range(ROWS):
                entry = log.add("sign", "Dr A", WHEN, {"pid": os.getpid(), "filling": "x" * 300})
                struct.pack_into("<i", self._told, 4 * at, entry.number)
        except BaseException as error:
            os.write(2, f"a writer failed: {type(error).__name__}: {error}\n".encode())
            return 1
        return 0

    def kill(self) -> bool:
        """Kill it; False if it had ended before. Exits where it had failed."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code > 0:
            sys.exit("a writer needed a hand")
        return code == -signal.SIGKILL

    @property
    def told(self) -> list[int]:
        return [n for (n,) in struct.iter_unpack("<i", self._told) if n]


def state_of(place: LogFiles) -> str:
    """What a kill has left, in words."""
    if not place.log.exists():
        return "nothing yet"
    if place.log.with_name(f"{place.log.name}-journal").exists():
        return "a journal"
    if not place.key.exists():
        return "a log file without a key"
    if not place.seal.exists():
        return "a key without a seal"
    verdict = audit.verify(place)
    if verdict.notes:
        return "a row not sealed yet"
    return "sealed rows" if verdict.entries else "no row"


def check(place: LogFiles, told: list[int]) -> None:
    """Verify, find every row that was told, and write the next one."""
    verdict = audit.verify(place)
    if verdict.faults:
        sys.exit(f"faults: {verdict.faults}")
    there = {row.number for row in audit.read(place)} if place.log.exists() else set()
    if lost := set(told) - there:
        sys.exit(f"rows were confirmed and are lost: {lost}")
    entry = Log(place).add("sign", "Dr A", WHEN, {})
    verdict = audit.verify(place)
    if verdict.faults or verdict.notes or entry.number != verdict.entries:
        sys.exit(f"after the next row: {verdict}")


def undisturbed(folder: Path) -> float:
    """Seconds that two writers take from nothing to their last row."""
    begun = time.perf_counter()
    for writer in [Writer(place_in(folder)) for _ in range(2)]:
        os.waitpid(writer.pid, 0)
    return time.perf_counter() - begun


def bench(kills: int, seed: int, folder: Path) -> Counter[str]:
    """Rounds until there were enough kills; what they left behind."""
    moments, left = random.Random(seed), Counter[str]()
    usual = undisturbed(folder / "usual")
    done, at, place = 0, 0, place_in(folder / "first")
    told: list[int] = []
    while done < kills:
        at += 1
        fresh = at % 3 == 1
        if fresh:
            place, told = place_in(folder / f"round{at}"), []
        writers = [Writer(place) for _ in range(1 + at % 2)]
        time.sleep(moments.random() ** 2 * usual)
        done += sum([writer.kill() for writer in writers])
        told += [number for writer in writers for number in writer.told]
        left[("first start: " if fresh else "later: ") + state_of(place)] += 1
        check(place, told)
    return left


def begin_and_add() -> None:
    """What runs under strace: a first start, or the next one, and a row."""
    entry = Log(place_in(Path(sys.argv[1]))).add("sign", "Dr A", WHEN, {"filling": "x" * 300})
    print(entry.number, flush=True)


def every_call(folder: Path) -> Counter[str]:
    """One kill in each call of a first start and of a later one."""
    kills: Counter[str] = Counter()
    for begun in (False, True):
        for call in CALLS:
            for number in range(1, 100):
                place = place_in(folder / f"{call}{number}{begun}")
                if begun:
                    Log(place).add("sign", "Dr A", WHEN, {})
                code, told = killed_in(call, number, place.log.parents[1])
                check(place, told)
                if code == 0:  # the call does not come that often
                    break
                kills[call] += 1
    return kills


def killed_in(call: str, number: int, folder: Path) -> tuple[int, list[int]]:
    """Run a writer that is killed in its n-th such call; its exit code, the row it was told."""
    inject = f"inject={call}:signal=KILL:when={number}"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
    python = [sys.executable, "-B", "-c", CHILD, str(folder)]
    done = subprocess.run([*command, *python], capture_output=True, check=False)
    if done.returncode > 0 and done.returncode != 128 + signal.SIGKILL:
        sys.exit(f"a writer needed a hand: {done.stderr.decode()}")
    return done.returncode, [int(word) for word in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("kills", type=int, nargs="?", default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", action="store_true", help="also one kill in every call")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        left = bench(args.kills, args.seed, Path(folder))
        seconds = time.perf_counter() - begun
        print(f"{args.kills} kills in {seconds:.0f} s: none needed a hand, no told row is lost")
        for state, count in sorted(left.items()):
            print(f"  {count:4} left {state}")
        if args.calls:
            kills = every_call(Path(folder) / "calls")
            shares = ", ".join(f"{call} {count}" for call, count in kills.items())
            print(f"{kills.total()} kills in single calls: {shares}")


if __name__ == "__main__":
    main()
