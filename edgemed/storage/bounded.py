"""Limits on files from outside: bytes and nesting. An error names the limit.

One table for all files that are read into memory. The limits of GGUF headers are in gguf/header.py
and gguf/cursor.py.
"""

import json
from pathlib import Path
from typing import Any, BinaryIO

from edgemed.errors import InvalidFile
from edgemed.storage.names import refuse_odd_name

BYTES = {
    "note": 16 << 20,  # ten thousand pages
    "draft": 16 << 20,
    "summary": 16 << 20,
    "template": 256 << 10,  # the packaged ones have 2 KiB
    "chat template": 1 << 20,  # published ones have up to 20 KiB
    "list of models": 16 << 20,
    "file of settings": 1 << 20,
    "saved session": 256 << 20,  # room for the largest note, its draft and every finding
    "recipe": 256 << 10,
    "card": 64 << 10,  # a card has a few lines
    "model card": 4 << 20,  # README.md of a checkpoint
    "index of shards": 64 << 20,  # that of a mixture with 100,000 tensors has 10 million bytes
    "file of cases": 64 << 20,
    "sweep": 16 << 20,  # a sweep of thousands of merged files is far smaller
    "tokenizer.model": 64 << 20,
    "tokenizer.json": 64 << 20,  # that of gemma 3, with 262,144 tokens, has 33 million bytes
    "tokenizer_config.json": 16 << 20,  # that of gemma 3 describes thousands of added tokens
    "journal": 64 << 20,  # a million pieces
    "importance matrix": 1 << 30,  # that of a model with 70 billion weights has 25 million bytes
    "kept seal": 4096,
    "file of seed tasks": 16 << 20,  # a few hundred tasks
    "run of tasks": 1 << 30,  # 52,000 tasks with their answers take about 100 million bytes
    "test set": 256 << 20,
    "file of examples": 256 << 20,  # training on a laptop takes about a hundredth of this
    "file of a task": 256 << 20,  # MedMCQA has 2.6 million bytes, all published rows about 130
    "results of a task": 64 << 20,
    "seconds of a sweep": 64 << 10,  # a line for each task
}
"""The most bytes a file may have, by kind."""

NESTING = 64  # levels of tables and lists, in any file


def read_bounded(path: Path, kind: str, name: str | None = None) -> bytes:
    """The bytes of a file of `kind`; errors call it `name`. May also raise OSError, and UsageError
    for a name that no file can have.

    No more than the limit is read, whatever size the file reports (a device, a pipe).
    """
    refuse_odd_name(path, name)
    with path.open("rb") as file:
        return read_stream(file, kind, name or str(path))


def read_stream(stream: BinaryIO, kind: str, name: str) -> bytes:
    """All bytes of an open file or pipe of `kind`, called `name` in errors."""
    most = BYTES[kind]
    data = stream.read(most + 1)
    if len(data) > most:
        raise InvalidFile(
            f"{name} is larger than {most:,} bytes, the most for one {kind}",
            f"check what kind of file this is: it was read as {kind}",
        )
    return data


def json_of(text: str | bytes) -> Any:
    """`json.loads`; ValueError if nested deeper than NESTING."""
    try:
        tree = json.loads(text)
    except RecursionError:
        raise too_deep() from None
    return shallow(tree)


def toml_of(text: str) -> dict[str, Any]:
    """`tomllib.loads`; ValueError if nested deeper than NESTING."""
    import tomllib  # few commands read TOML

    try:
        tree = tomllib.loads(text)
    except RecursionError:
        raise too_deep() from None
    shallow(tree)
    return tree


def shallow(tree: Any) -> Any:
    """`tree` itself, if it is nested no deeper than NESTING; else ValueError."""
    level = [tree]
    for _ in range(NESTING + 1):
        level = [inner for item in level for inner in inside(item)]
        if not level:
            return tree
    raise too_deep()


def inside(item: Any) -> list[Any]:
    """The tables and lists directly inside a table or list."""
    found = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return [inner for inner in found if isinstance(inner, (dict, list))]


def too_deep() -> ValueError:
    """The error for a tree that is too deep."""
    return ValueError(f"it is nested deeper than {NESTING} levels")
