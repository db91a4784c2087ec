"""Whole commands killed with SIGKILL at random moments: the log and its records stay readable.

    python -m tests.bench.kill_summarize 60

Each round forks a process that runs `edgemed summarize` with a scripted model, and then the line
mode to a signature, and kills it at a random moment. Every other round begins with empty folders.
After each kill every draft and every signature that the process had been told is recorded must be
there, as an audit row with its record; the log must be whole, and the next run must do all of it.
POSIX only.
"""

import argparse
import io
import mmap
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui.plain.line import LineMode

from edgemed.cli.main import main as edgemed
from edgemed.logs import audit
from edgemed.logs.drafts import drafts
from tests.edgemed.commands import scripted
from tests.edgemed.logs.earlier_logs import place_in
from tests.tui.scripted import DRAFT, NOTE, pieces, services

DRAFTS, SIGNATURES = 0, 1
TYPED = ("note note.txt", "template soap", "draft", "sign")


class Attempt:
    """A forked process that drafts and signs; how much of it was told to be recorded."""

    def __init__(self, folder: Path) -> None:
        self.told = mmap.mmap(-1, 2)
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._work(folder))

    def _work(self, folder: Path) -> int:
        os.chdir(folder)
        os.environ.update({f"XDG_{name}_HOME": str(folder) for name in ("DATA", "CONFIG")})
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            scripted(pytest.MonkeyPatch(), ScriptedModel(pieces(DRAFT)[:9], delay=0.0005))
            if edgemed(["summarize", "note.txt", "--template", "soap", "--keep"]):
                return self._failed(said)
            self.told[DRAFTS] = 1
            answers = iter(("checked again", "Dr A", "yes"))
            own = replace(services(folder=folder), place=audit.default_place())
            line = LineMode(own, print, lambda prompt: next(answers, "no"))
            for typed in TYPED:
                plain.answer(line, typed)
            if line.session.signature is None:
                return self._failed(said)
            self.told[SIGNATURES] = 1
        return 0

    def _failed(self, said: io.StringIO) -> int:
        os.write(2, said.getvalue().encode())
        return 1

    def end(self, number: int) -> int:
        """Send a signal (0: none) and wait; its exit code, negative where a signal ended it."""
        if number:
            os.kill(self.pid, number)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code > 0:
            sys.exit("an attempt needed a hand")
        return code


def check(folder: Path, told: Counter[int]) -> str:
    """Read the log, and find what was told; what the kill has left, in words."""
    place = place_in(folder / "edgemed")
    left = "a journal" if list(folder.rglob("*-journal")) else "no journal"
    verdict = audit.verify(place)
    what = [row.what for row in audit.read(place)] if verdict.entries else []
    if place.log.exists():
        with closing(sqlite3.connect(place.log)) as rows:
            if rows.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                sys.exit("the log is damaged")
    drafted, signed = what.count("draft"), what.count("sign")
    recorded = len(drafts(place)) if verdict.entries else 0
    least = told[DRAFTS] + told[SIGNATURES]  # a signature comes after a draft of its own
    if verdict.faults or recorded != drafted or drafted < least or signed < told[SIGNATURES]:
        sys.exit(
            f"{verdict.faults}; {drafted} drafts, {recorded} of them recorded, {signed} signed"
        )
    return left


def bench(kills: int, seed: int, top: Path) -> Counter[str]:
    """Rounds until there were enough kills; what they left."""
    moments, left = random.Random(seed), Counter[str]()
    folder, told = fresh(top, 0), Counter[int]()
    begun = time.perf_counter()
    Attempt(folder).end(0)
    usual = time.perf_counter() - begun
    done = at = 0
    while done < kills:
        at += 1
        if at % 2:
            folder, told = fresh(top, at), Counter[int]()
        attempt = Attempt(folder)
        time.sleep(moments.random() * usual)
        done += attempt.end(signal.SIGKILL) == -signal.SIGKILL
        told.update(which for which in (DRAFTS, SIGNATURES) if attempt.told[which])
        left[check(folder, told)] += 1
        again = Attempt(folder)
        again.end(0)
        told.update((DRAFTS, SIGNATURES))
        check(folder, told)
    return left


def fresh(top: Path, number: int) -> Path:
    folder = top / str(number)
    folder.mkdir()
    (folder / "note.txt").write_text(NOTE, encoding="utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("kills", type=int, nargs="?", default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        left = bench(args.kills, args.seed, Path(folder))
        seconds = time.perf_counter() - begun
    print(f"{args.kills} kills in {seconds:.0f} s: log and records whole, nothing told is lost")
    for state, count in sorted(left.items()):
        print(f"  {count:4} left {state}")


if __name__ == "__main__":
    main()
