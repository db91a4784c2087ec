"""Notes and sections that people wrote, of the public sets; tests skip visibly without them."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

DATA = Path(os.environ.get("EDGEMED_DATA", Path(__file__).parents[4] / "shared" / "data"))
FILES = (
    ("mts-dialog/MTS-Dialog-TrainingSet.csv", "section_text"),
    ("mts-dialog/MTS-Dialog-ValidationSet.csv", "section_text"),
    ("aci-bench/train.csv", "note"),
    ("aci-bench/valid.csv", "note"),
)


def written() -> Iterator[str]:
    """Every text of the training and validation parts; skips the test where the sets are absent."""
    for text, _ in pairs():
        yield text


def pairs() -> Iterator[tuple[str, str]]:
    """Every text with the dialogue that it was written from."""
    csv.field_size_limit(1 << 24)
    for name, column in FILES:
        path = DATA / "clinical" / name
        if not path.is_file():
            pytest.skip(f"{path} is not there")
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                yield row[column], row["dialogue"]
