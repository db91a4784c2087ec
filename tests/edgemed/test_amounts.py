"""Counts in words: one is one, and no text makes a plural of its own."""

import re
from pathlib import Path

import pytest

from edgemed.amounts import amount

ROOT = Path(__file__).parents[2]
COUNTED = "thread|entrie|token|line|tensor|point|case|row|character|part|step|file|example|answer"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 threads"), (1, "1 thread"), (2, "2 threads"), (1234, "1,234 threads")],
)
def test_one_is_one(count: int, words: str) -> None:
    assert amount(count, "thread") == words


def test_a_plural_of_its_own() -> None:
    assert [amount(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]


@pytest.mark.parametrize("room", ["tui/edgemed_tui", "edgemed/clinic", "edgemed/cli"])
def test_what_is_counted_when_it_runs_gets_its_plural_in_one_place(room: str) -> None:
    """A number in capitals is a constant, and "3 of 4 lines" has its number before."""
    own = re.compile(r"(?<! of )\{(?!\w*[A-Z]{2})[^{}]*\} (" + COUNTED + r")s\b|['\"]s['\"] if ")
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if own.search(line) and not ALLOWED.search(line)
    ]
    assert found == []


ALLOWED = re.compile(
    r"show_size|needed\.prompt|_per_second"  # sizes, rates; a prompt is never one token
)
