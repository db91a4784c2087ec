"""Folders that are broken by chance: refused in words, or a model of numbers."""

from tests.bench.hostile_folders import run


def test_folders_that_lie_are_refused_in_words() -> None:
    """A small run; `python -m tests.bench.hostile_folders 2000` is the large one."""
    ends, faults = run(60, seed=4)
    assert faults == []
    assert ends["checkpoint refused"] > 15 and ends["adapter refused"] > 8
