"""Counts what is in a file of tasks: kinds, lengths, near-duplicates, signs of poor ones.

All figures are counts of what the file contains. None says whether an answer is right.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.errors import EdgemedError
from edgemed.evals.metrics import WORD
from edgemed.instructions.answered import STRATA, Answered
from edgemed.instructions.contamination import FIELDS
from edgemed.instructions.likeness import Texts
from edgemed.instructions.output import card_place
from edgemed.instructions.signs import SIGNS
from edgemed.storage.bounded import json_of, read_bounded

STEPS = (1, 5, 10, 25, 50, 100, 200, 400)  # words at which the bars of answers begin


class Lengths(NamedTuple):
    """Words: the median, the 10 % and 90 % points, and the most."""

    texts: int
    median: int
    low: int
    high: int
    most: int


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one file.

    `strata`: how many tasks have each value of a label. `lengths`: of texts that are not empty.
    `answers`: how many answers have at least so many words, and fewer than the next of STEPS.
    `same`: tasks whose text occurs earlier; `alike`: whose instruction is too like an earlier
    one's. `signs`: how many tasks have each sign of SIGNS; `clean` have none, and are not alike.
    """

    tasks: int
    with_input: int
    strata: Mapping[str, Mapping[str, int]]
    lengths: Mapping[str, Lengths]
    answers: Mapping[int, int]
    same: int
    alike: int
    signs: Mapping[str, int]
    clean: int


def report(tasks: Sequence[Answered]) -> Report:
    """The figures of these tasks, at least one."""
    alike = likes(tasks)
    signs = [[name for name, shows in SIGNS.items() if shows(task)] for task in tasks]
    counted = Counter(name for names in signs for name in names)
    return Report(
        len(tasks),
        sum(bool(task.input.strip()) for task in tasks),
        {name: strata(task.labels.get(name) for task in tasks) for name in STRATA},
        {name: lengths(getattr(task, name) for task in tasks) for name in FIELDS},
        answer_steps(tasks),
        len(tasks) - len({task.asked for task in tasks}),
        sum(alike),
        {name: counted[name] for name in SIGNS},
        sum(not names and not like for names, like in zip(signs, alike, strict=True)),
    )


def likes(tasks: Sequence[Answered]) -> list[bool]:
    """Whether each task's instruction is too like that of an earlier task that is not so itself:
    the ones that `make` would have dropped."""
    kept, found = Texts(), []
    for task in tasks:
        found.append(kept.too_like(task.instruction))
        if not found[-1]:
            kept.add(task.instruction)
    return found


def strata(values: Iterable[str | None]) -> dict[str, int]:
    """How many tasks have each value, the most frequent first; empty where no row has any."""
    counted = Counter(value for value in values if value is not None)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def lengths(texts: Iterable[str]) -> Lengths:
    """Words of the texts that are not empty."""
    counts = sorted(n for text in texts if (n := len(WORD.findall(text))))
    if not counts:
        return Lengths(0, 0, 0, 0, 0)
    low, median, high = (counts[int(share * (len(counts) - 1))] for share in (0.1, 0.5, 0.9))
    return Lengths(len(counts), median, low, high, counts[-1])


def answer_steps(tasks: Sequence[Answered]) -> dict[int, int]:
    """How many answers begin at each of STEPS; those without a word at none."""
    counts = [len(WORD.findall(task.output)) for task in tasks]
    ends = (*STEPS[1:], float("inf"))
    return {
        step: sum(step <= n < end for n in counts) for step, end in zip(STEPS, ends, strict=True)
    }


def card_beside(path: Path) -> dict[str, Any] | None:
    """The card of the run that made `path`; None where there is none, or the file has changed."""
    try:
        card = json_of(read_bounded(card_place(path), "card"))
        same = card["tasks_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        tries = {str(fate): int(times) for fate, times in card["tries"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EdgemedError):
        return None
    return {"tries": tries, "run": card.get("run")} if same else None
