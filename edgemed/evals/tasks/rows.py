"""Rows of the files that tasks come in: CSV, JSON Lines, one JSON object, an Excel sheet.

Every row comes with its place, `file, line 7`. A file that is not there, is not UTF-8 or is broken
is refused by that place; no error quotes a word of a row, for some sets are of patients.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from edgemed.errors import InvalidFile
from edgemed.storage.bounded import json_of, read_bounded

KIND = "file of a task"
MOST_CELL = 1 << 22  # characters of one cell


class Row(NamedTuple):
    """The cells of a row by name, and its place."""

    where: str
    cells: Mapping[str, Any]


def bad(where: str, why: str, hint: str = "take the file as it was published") -> NoReturn:
    """Refuse a row or a file."""
    raise InvalidFile(f"{where}: {why}", hint)


def text_in(path: Path) -> str:
    """The text of a file. InvalidFile names the first line that is not UTF-8."""
    data = bytes_in(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        bad(f"{path.name}, line {line}", "it is not UTF-8", "convert the file to UTF-8")


def bytes_in(path: Path) -> bytes:
    """The bytes of a file."""
    try:
        return read_bounded(path, KIND)
    except OSError as error:
        bad(str(path), f"it cannot be read: {error.strerror}", "check the path")


def csv_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file whose first line names its columns; `columns` must be among them."""
    cells = csv_cells(path)
    where, head = next(cells, ("", []))
    if not set(columns) <= set(head) or len(set(head)) < len(head):
        bad(f"{path.name}, line 1", f"the columns must be {', '.join(columns)}")
    for where, row in cells:
        if len(row) != len(head):
            bad(where, f"it has {len(row)} cells where the first line has {len(head)}")
        yield Row(where, dict(zip(head, row, strict=True)))


def large_csv_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """As `csv_rows`, for a file of gigabytes: a row at a time, never the whole."""
    before = csv.field_size_limit(MOST_CELL)
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            head = next(reader, [])
            if not set(columns) <= set(head) or len(set(head)) < len(head):
                bad(f"{path.name}, line 1", f"the columns must be {', '.join(columns)}")
            line = reader.line_num + 1
            for row in reader:
                where = f"{path.name}, line {line}"
                if row and len(row) != len(head):
                    bad(where, f"it has {len(row)} cells where the first line has {len(head)}")
                if row:
                    yield Row(where, dict(zip(head, row, strict=True)))
                line = reader.line_num + 1
    except OSError as error:
        bad(str(path), f"it cannot be read: {error.strerror}", "check the path")
    except csv.Error:
        bad(f"{path.name}, line {line}", "it is not valid CSV: a quote or a cell does not end")
    except UnicodeDecodeError:
        bad(f"{path.name}, after line {line - 1}", "it is not UTF-8", "convert the file to UTF-8")
    finally:
        csv.field_size_limit(before)


def csv_cells(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The cells of every row with the line on which it begins; empty lines are skipped."""
    reader = csv.reader(io.StringIO(text_in(path), newline=""), strict=True)
    before = csv.field_size_limit(MOST_CELL)
    line = 1
    try:
        for row in reader:
            if row:
                yield f"{path.name}, line {line}", row
            line = reader.line_num + 1
    except csv.Error:
        bad(f"{path.name}, line {line}", "it is not valid CSV: a quote or a cell does not end")
    finally:
        csv.field_size_limit(before)


def json_lines(path: Path) -> Iterator[Row]:
    """The objects of a JSON Lines file."""
    for number, line in enumerate(text_in(path).split("\n"), 1):
        if line.strip():
            where = f"{path.name}, line {number}"
            yield Row(where, object_of(line, where))


def object_of(text: str, where: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        found = json_of(text)
    except ValueError:
        bad(where, "it is not JSON")
    if not isinstance(found, dict):
        bad(where, "it is not a JSON object")
    return found


def json_object(path: Path) -> Iterator[tuple[str, Row]]:
    """The entries of a file that is one JSON object of objects, by their keys."""
    for number, (key, value) in enumerate(object_of(text_in(path), path.name).items(), 1):
        where = f"{path.name}, entry {number}"
        if not isinstance(value, dict):
            bad(where, "it is not a JSON object")
        yield key, Row(where, value)


def words(row: Row, name: str) -> str:
    """A text of a row that is not empty."""
    value = row.cells.get(name)
    if not isinstance(value, str):
        bad(row.where, f"{name} is missing" if value is None else f"{name} is not text")
    if not value.strip():
        bad(row.where, f"{name} is empty")
    return refuse_half(value, name, row.where)


def refuse_half(text: str, name: str, where: str) -> str:
    """The text, unless it has a lone surrogate (half a character), which JSON can encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        bad(where, f"{name} holds half of a character")
    return text
