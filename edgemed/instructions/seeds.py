"""Reads seed tasks: those that ship with edgemed, and those in the user's or a paper's files.

JSON Lines, one object a line, or one JSON list of such objects:

    {"id": ..., "topic": "Cardiology", "view": "Nurse", "type": "Summarization", "difficulty": 3,
     "instruction": "Summarize ...", "input": "..."}

`id` may be left out. `difficulty` may be a text ("3"), `input` may be "<noinput>" or left out, as
in the seed tasks of AlpaCare (data/med_seed.json). Bad rows are refused by file and line; their
words are never quoted.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

from edgemed.errors import InvalidFile, Refused
from edgemed.instructions.task import DIFFICULTIES, LABELS, InstructionTask, Seed
from edgemed.training.examples import given_input, read_rows

KIND = "file of seed tasks"
FIELDS = ("id", *LABELS, "difficulty", "instruction", "input")
FORM = f"each row has {', '.join(FIELDS[1:-1])}, and may have id and input"
LONGEST_LABEL = 80  # characters
LONGEST = 8000  # characters of instruction and input together: three of them go into one prompt
FEWEST = 3  # seeds: so many are shown in one prompt


def own_seeds() -> tuple[Seed, ...]:
    """The seed tasks in the package."""
    folder = resources.files("edgemed.instructions.seed_tasks")
    with resources.as_file(folder / "seeds.jsonl") as path:
        return read_seeds([path])


def read_seeds(paths: Sequence[Path]) -> tuple[Seed, ...]:
    """The tasks of all files, in order. InvalidFile names the first bad row; Refused for fewer
    than FEWEST, or a task that occurs twice."""
    seeds = [seed_of(row, place) for path in paths for place, row in read_rows(path, KIND)]
    if len(seeds) < FEWEST:
        raise Refused(
            f"there are {len(seeds)} seed tasks, and {FEWEST} are shown to the model at a time",
            f"give at least {FEWEST} seed tasks",
        )
    seen: dict[Any, str] = {}
    for seed in seeds:
        for what in (seed.id, seed.task.asked):
            if what in seen:
                raise InvalidFile(
                    f"the seed tasks {seen[what]} and {seed.id} have the same "
                    f"{'id' if what == seed.id else 'text'}",
                    "remove one of them, or give it another id",
                )
            seen[what] = seed.id
    return tuple(seeds)


def digest_of(seeds: Sequence[Seed]) -> str:
    """A digest that identifies these seeds."""
    rows = [[seed.id, asdict(seed.task)] for seed in seeds]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def seed_of(row: Any, place: str) -> Seed:
    """One row, checked; `place` is its file and line."""
    if not isinstance(row, Mapping):
        bad(place, "it is not an object")
    if unknown := sorted(set(row) - set(FIELDS)):
        bad(place, f"unknown field `{unknown[0][:40]}`")
    topic, view, type = (label(row, name, place) for name in LABELS)
    instruction = text(row, "instruction", place).strip()
    given = given_input(row.get("input", ""))
    if given is None:
        bad(place, "`input` is not text")
    if not instruction:
        bad(place, "`instruction` is empty")
    if len(instruction) + len(given) > LONGEST:
        bad(place, f"it is longer than {LONGEST:,} characters")
    task = InstructionTask(topic, view, type, difficulty(row, place), instruction, given.strip())
    return Seed(name_of(row, place), task)


def name_of(row: Mapping[str, Any], place: str) -> str:
    """The row's id, or its file's name and place in it."""
    if "id" not in row:
        return Path(place).name
    return label(row, "id", place)


def label(row: Mapping[str, Any], name: str, place: str) -> str:
    """A short text on one line."""
    value = text(row, name, place).strip()
    if not value or not value.isprintable() or len(value) > LONGEST_LABEL:
        bad(place, f"`{name}` is not a text of 1 to {LONGEST_LABEL} characters on one line")
    return value


def difficulty(row: Mapping[str, Any], place: str) -> int:
    """1 to 5, as a number or as a text."""
    value = row.get("difficulty")
    for number in DIFFICULTIES:
        if value == str(number) or (type(value) is int and value == number):
            return number
    bad(place, "`difficulty` is not a whole number from 1 to 5")


def text(row: Mapping[str, Any], name: str, place: str) -> str:
    """A field that must be there."""
    value = row.get(name)
    if not isinstance(value, str) or any("\ud800" <= c <= "\udfff" for c in value):
        bad(place, f"`{name}` is missing or not text")
    return value


def bad(place: str, why: str) -> NoReturn:
    raise InvalidFile(f"{place}: {why}", FORM)
