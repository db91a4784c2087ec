"""A task as described by its TOML file: what is asked, how it is scored, where its rows come from.

    title = "..."          axis = "clinical"      kind = "write", "follow", "choose", ...
    loader = "..."         metrics = ["rouge1"]   max_tokens = 512
    licence = "..."        source = "..."         note = "..."
    split = "test"         the split that is taken where none is named
    grouped = true         figures are shown by group too (subjects, say)
    pool = "validation"    the split that examples come from (left out: it takes none)
    decides = "rougeL"     the measure by which a sweep chooses
    development = "..."    the split on which it chooses (left out: it is only tested)
    synthetic = true       invented cases that ship with edgemed: in no composite
    [prompts]
    write = "...{dialogue}..."
    [splits.test]
    files = ["folder/file.csv"]                   keys = "ifeval-test.txt" (left out: every row)

`{name}` in a prompt is a field that the loader fills. A split's keys are in `splits/`; they name
rows and contain none of their text. Where keys may not be published, or are too many, a split has
`parts = [2, 16, 16]` in their place: of 16 parts by a hash of the key, those from 2 on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgemed.errors import UsageError
from edgemed.storage.bounded import toml_of

FOLDER = Path(__file__).parent
Kind = Literal["write", "follow", "choose", "reason", "read", "diverge"]
FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Split:
    """Which rows: those of `files` whose keys are in `keys`; None: all of them. With `parts` those
    whose keys fall, by a hash, into the parts from the first to before the second, of the third."""

    name: str
    files: tuple[str, ...]
    keys: frozenset[str] | None
    parts: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One task with one of its splits. `table`: the whole file, for what only a loader needs."""

    name: str
    title: str
    axis: str
    kind: Kind
    loader: str
    prompts: Mapping[str, str]
    metrics: tuple[str, ...]
    max_tokens: int
    licence: str
    source: str
    note: str
    split: Split
    splits: tuple[str, ...]
    table: Mapping[str, Any]


def task_names() -> list[str]:
    """The names of all tasks."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_task(called: str) -> Task:
    """The task called NAME or NAME:SPLIT. Raises UsageError if there is none."""
    name, _, split = called.partition(":")
    if name not in task_names():
        raise UsageError(f"there is no task {name!r}", f"name one of {', '.join(task_names())}")
    table = toml_of((FOLDER / f"{name}.toml").read_text("utf-8"))
    splits = table["splits"]
    split = split or table["split"]
    if split not in splits:
        raise UsageError(
            f"the task {name} has no split {split!r}", f"name one of {', '.join(splits)}"
        )
    return Task(
        name,
        table["title"],
        table["axis"],
        table["kind"],
        table["loader"],
        table["prompts"],
        tuple(table["metrics"]),
        table["max_tokens"],
        table["licence"],
        table["source"],
        table.get("note", ""),
        split_of(split, splits[split]),
        tuple(splits),
        table,
    )


def split_of(name: str, table: Mapping[str, Any]) -> Split:
    """One split of a task's table."""
    keys = keys_in(table["keys"]) if "keys" in table else None
    first, end, of = table.get("parts", (0, 1, 1))
    return Split(name, tuple(table["files"]), keys, (first, end, of) if of > 1 else None)


def keys_in(name: str) -> frozenset[str]:
    """The keys in a file of `splits/`, one a line."""
    return frozenset((FOLDER / "splits" / name).read_text("utf-8").splitlines())


def filled(prompt: str, fields: Mapping[str, str]) -> str:
    """`prompt` with its fields filled; a field's text is never read as a field."""
    return FIELD.sub(lambda found: fields[found[1]], prompt)
