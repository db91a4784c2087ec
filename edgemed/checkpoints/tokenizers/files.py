"""The files that describe a checkpoint's tokenizer, read within limits, as plain values.

Their errors name the file and the key. What a file does not say is an empty table here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from edgemed.errors import InvalidFile
from edgemed.printable import printable
from edgemed.storage.bounded import json_of, read_bounded

CONFIG = "config.json"
SETTINGS = "tokenizer_config.json"
ADDED = "added_tokens.json"
TOKENIZER = "tokenizer.json"
PIECES = "tokenizer.model"

AGAIN = "get this file again from the publisher of the checkpoint"

Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Folder:
    """A checkpoint's folder: what its JSON files say. `tokenizer` is None without tokenizer.json,
    and a file that is not there says nothing."""

    path: Path
    config: Tree
    settings: Tree
    added: Tree
    tokenizer: Tree | None

    @property
    def architecture(self) -> str:
        """The first of config.json's `architectures`; empty if it names none."""
        names = self.config.get("architectures")
        return names[0] if isinstance(names, list) and names and type(names[0]) is str else ""

    def file(self, name: str) -> Path:
        return self.path / name

    def has(self, name: str) -> bool:
        """Whether there is such a file (a link to one counts)."""
        return (self.path / name).is_file()


def read_folder(path: Path) -> Folder:
    """The folder's files; InvalidFile for one that is not what its name says."""
    return Folder(
        path,
        read_json(path / CONFIG, "file of settings") or {},
        read_json(path / SETTINGS, SETTINGS) or {},
        read_json(path / ADDED, SETTINGS) or {},
        read_json(path / TOKENIZER, TOKENIZER),
    )


def read_json(path: Path, kind: str) -> dict[str, Any] | None:
    """The object in a JSON file; None if there is no such file."""
    raw = read_file(path, kind)
    if raw is None:
        return None
    try:
        tree = json_of(raw)
    except ValueError as error:  # not UTF-8 and too deep are ValueErrors as well
        raise InvalidFile(f"{shown(path)} is not JSON: {printable(str(error))}", AGAIN) from None
    if not isinstance(tree, dict):
        raise InvalidFile(f"{shown(path)} is not a JSON object", AGAIN)
    return tree


def read_text(path: Path, kind: str) -> str | None:
    """The text of a file; None if there is no such file."""
    raw = read_file(path, kind)
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        raise InvalidFile(f"{shown(path)} is not UTF-8", AGAIN) from None


def read_file(path: Path, kind: str) -> bytes | None:
    """The bytes of a file; None if there is no such file (a pipe or a device is none)."""
    try:
        return read_bounded(path, kind, shown(path)) if path.is_file() else None
    except OSError as error:
        raise InvalidFile(
            f"{shown(path)}: cannot be read ({error.strerror})", "check the file"
        ) from error


def table(path: Path, tree: Tree, key: str) -> Tree:
    """An object of the tree; empty if it is missing or null."""
    given = tree.get(key)
    if given is not None and not isinstance(given, dict):
        wrong(path, key, given, "a table")
    return given or {}


def items(path: Path, tree: Tree, key: str) -> list[Any]:
    """A list of the tree; empty if it is missing or null."""
    given = tree.get(key)
    if given is not None and not isinstance(given, list):
        wrong(path, key, given, "a list")
    return given or []


def tables(path: Path, tree: Tree, key: str) -> list[Tree]:
    """A list of objects."""
    found = items(path, tree, key)
    for entry in found:
        if not isinstance(entry, dict):
            wrong(path, key, entry, "a table in a list")
    return found


def whole(path: Path, key: str, given: Any) -> int:
    """A whole number from 0."""
    if type(given) is not int or given < 0:
        wrong(path, key, given, "a whole number from 0")
    return int(given)


def text(path: Path, key: str, given: Any) -> str:
    """A text that a GGUF file can hold and llama.cpp reads to its end."""
    if type(given) is not str:
        wrong(path, key, given, "a text")
    try:
        if b"\0" not in given.encode():
            return str(given)
    except UnicodeEncodeError:  # half a character
        pass
    wrong(path, key, given, "a text of whole characters and without a zero character")


def wrong(path: Path, key: str, given: Any, wanted: str) -> NoReturn:
    raise InvalidFile(f"{shown(path)}: {printable(key)} is {shown(given)}, not {wanted}", AGAIN)


def shown(value: Any) -> str:
    """A value of a file, or its path, printable; a long one is cut."""
    if isinstance(value, Path):
        return printable(str(value))
    if isinstance(value, dict | list):  # str() of a large one costs more than reading it did
        return f"a {'table' if isinstance(value, dict) else 'list'} of {len(value):,}"
    said = f"'{value}'" if type(value) is str else str(value)
    return printable(said if len(said) <= 80 else said[:80] + "...")
