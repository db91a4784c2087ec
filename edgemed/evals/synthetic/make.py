"""Writes the synthetic sets that ship: `python -m edgemed.evals.synthetic.make`.

The shipped files are what this program makes from its tables and SEED, byte for byte. Kinds of
cases come in turn, so that each occurs equally often.
"""

import json
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from random import Random

from edgemed.evals.synthetic import radiology, stays

SEED = 1
SIZES = {"test": 120, "pool": 24}
FOLDER = Path(__file__).parent

Case = tuple[str, str]
"""What a model reads, and what a clinician would write."""
Writer = Callable[[Random], Case]


def reports() -> dict[str, Writer]:
    """How a report of each study is made."""
    return {
        name: lambda rng, study=study: radiology.report(rng, study)  # type: ignore[misc]
        for name, study in radiology.studies().items()
    }


def courses() -> dict[str, Writer]:
    """How a stay of each main problem is made."""
    tables = stays.problems()
    return {
        main["id"]: lambda rng, main=main: stays.stay(rng, tables, main)  # type: ignore[misc]
        for main in tables["main"]
    }


SETS: dict[str, Callable[[], dict[str, Writer]]] = {
    "synthetic-radiology": reports,
    "synthetic-discharge": courses,
}
"""By the name of a set: its kinds of cases, each with its writer."""


def lines(name: str, split: str) -> Iterator[str]:
    """The rows of a split as JSON, its kinds of cases in turn."""
    for number, (kind, write) in enumerate(islice(cycle(SETS[name]().items()), SIZES[split])):
        source, reference = write(Random(f"{SEED} {name} {split} {number}"))
        row = {"id": f"{split}-{number:03}", "kind": kind, "source": source, "reference": reference}
        yield json.dumps(row, ensure_ascii=False) + "\n"


def file_of(name: str, split: str) -> Path:
    """The file of a split that ships."""
    return FOLDER / f"{name}-{split}.jsonl"


def main() -> None:
    """Write every file."""
    for name in SETS:
        for split in SIZES:
            file_of(name, split).write_text("".join(lines(name, split)), "utf-8", newline="\n")


if __name__ == "__main__":
    main()
