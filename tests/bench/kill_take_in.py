"""The taking in of records of earlier versions, killed with SIGKILL at random moments.

    python -m tests.bench.kill_take_in 300 [--calls]

Each round lays out what earlier versions left (an audit log, records, or both), and forks one or
two processes that open the log; they are killed at a random moment. After each kill either the old
files stand as they were and the log has none of the records, or the log has them all, once, and
verifies; and the next start ends in one whole log. With --calls one more start runs under strace
for every call that writes, syncs, names or removes a file, and is killed in that call. POSIX only.
"""

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

from edgemed.logs import audit, earlier
from edgemed.logs.audit import Log, LogFiles
from tests.bench.kill_audit import CALLS
from tests.edgemed.logs.earlier_logs import NOTES, old_audit, old_mark, old_records, place_in

MANY = tuple(f"{note} {number}" for number in range(20) for note in NOTES)
CHILD = "import sys; from tests.bench.kill_take_in import opened; opened(sys.argv[1])"


def laid_out(folder: Path, number: int) -> LogFiles:
    """What earlier versions left: records alone, or beside an audit log."""
    place = place_in(folder)
    if number % 2:
        old_audit(place)
    old_records(place, notes=MANY)
    return place


def opened(folder: str) -> None:
    Log(place_in(Path(folder)))


class Start:
    """A forked process that opens the log."""

    def __init__(self, place: LogFiles) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            code = 0
            try:
                Log(place)
            except BaseException as error:
                os.write(2, f"a start failed: {type(error).__name__}: {error}\n".encode())
                code = 1
            os._exit(code)

    def kill(self) -> bool:
        """Kill it; False if it had ended before. Exits where it had failed."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code > 0:
            sys.exit("a start needed a hand")
        return code == -signal.SIGKILL


def marks_in(path: Path) -> list[str]:
    """The notes' marks in a file of records, as any reader finds them; a copy is read."""
    with tempfile.TemporaryDirectory() as folder:
        for left in (path, path.with_name(f"{path.name}-journal")):
            if left.exists():
                (Path(folder) / left.name).write_bytes(left.read_bytes())
        with closing(sqlite3.connect(Path(folder) / path.name)) as rows:
            if not rows.execute("SELECT 1 FROM sqlite_schema WHERE name = 'drafts'").fetchone():
                return []
            return [mark for (mark,) in rows.execute("SELECT note_mark FROM drafts")]


def check(place: LogFiles, audited: bool) -> str:
    """What the kill has left, in words; exits where it is neither the old nor the new."""
    want = [old_mark(note) for note in MANY]
    old, aside = earlier.beside(place.log), place.log.with_name("records.sqlite.taken-in")
    inside = marks_in(place.log) if place.log.exists() else []
    if inside not in ([], want):
        sys.exit(f"{len(inside)} of {len(want)} records are in the log")
    if marks_in(old if old.exists() else aside) != want or (not inside and not old.exists()):
        sys.exit("the old records are not as they were")
    verdict = audit.verify(place)
    if verdict.faults:
        sys.exit(f"faults: {verdict.faults}")
    rows = audit.read(place) if place.log.exists() else []
    if audited and [row.what for row in rows[:3]] != ["draft"] * 3:
        sys.exit("audit rows are lost")
    if sum(row.what == earlier.TAKEN_IN for row in rows) != bool(inside):
        sys.exit("the audit row and the records did not come together")
    if not inside:
        return "the old files in use"
    return "the log in use, the old file not renamed" if old.exists() else "the log in use"


def finished(place: LogFiles, audited: bool) -> None:
    """The next start must end in one whole log."""
    Log(place)
    if check(place, audited) != "the log in use" or audit.verify(place).notes:
        sys.exit(f"the next start left {check(place, audited)}, {audit.verify(place).notes}")


def bench(kills: int, seed: int, top: Path) -> Counter[str]:
    """Rounds until there were enough kills; what they left behind."""
    moments, left = random.Random(seed), Counter[str]()
    begun = time.perf_counter()
    os.waitpid(Start(laid_out(top / "usual", 1)).pid, 0)
    usual = time.perf_counter() - begun
    done = at = 0
    while done < kills:
        at += 1
        place = laid_out(top / f"round{at}", at)
        starts = [Start(place) for _ in range(1 + at % 3 // 2)]
        time.sleep(moments.random() * usual)
        killed = sum([start.kill() for start in starts])
        done += killed
        if killed:
            left[check(place, bool(at % 2))] += 1
        finished(place, bool(at % 2))
    return left


def every_call(top: Path) -> Counter[str]:
    """One kill in each call of a start, with and without an audit log."""
    left: Counter[str] = Counter()
    for audited in (0, 1):
        for call in (*CALLS, "renameat2"):
            for number in range(1, 200):
                place = laid_out(top / f"{call}{number}{audited}", audited)
                code = killed_in(call, number, place.log.parent)
                state = check(place, bool(audited))
                finished(place, bool(audited))
                if code == 0:  # the call does not come that often
                    break
                left[f"{call}: {state}"] += 1
    return left


def killed_in(call: str, number: int, folder: Path) -> int:
    """Start once, killed in its n-th such call; its exit code."""
    inject = f"inject={call}:signal=KILL:when={number}"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
    python = [sys.executable, "-B", "-c", CHILD, str(folder)]
    done = subprocess.run([*command, *python], capture_output=True, check=False)
    if done.returncode > 0 and done.returncode != 128 + signal.SIGKILL:
        sys.exit(f"a start needed a hand: {done.stderr.decode()}")
    return done.returncode


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
        print(f"{args.kills} kills in {time.perf_counter() - begun:.0f} s: none needed a hand")
        for state, count in sorted(left.items()):
            print(f"  {count:4} left {state}")
        if args.calls:
            left = every_call(Path(folder) / "calls")
            print(f"{left.total()} kills in single calls:")
            for state, count in sorted(left.items()):
                print(f"  {count:4} in {state}")


if __name__ == "__main__":
    main()
