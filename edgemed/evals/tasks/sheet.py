"""Reads the first sheet of an Excel file (.xlsx), with the standard library alone.

An .xlsx file is a ZIP archive of XML (ECMA-376): texts are stored once in `sharedStrings.xml`, and
cells of type `s` hold their numbers.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from edgemed.evals.tasks.rows import Row, bad, bytes_in

SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
MOST = 64 << 20  # bytes of one part of the archive
ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")  # how a sheet escapes characters that XML lacks


def sheet_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of the first sheet, whose first row names its columns."""
    data = bytes_in(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            texts = shared(part(archive, TEXTS, path), path)
            rows = part(archive, SHEET, path).iter(f"{SPACE}row")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError):
        bad(path.name, "it is not an Excel file (.xlsx)")
    lines = [(f"{path.name}, row {row.get('r')}", cells_of(row, texts, path)) for row in rows]
    _, head = lines[0] if lines else ("", {})
    if not set(columns) <= set(head.values()):
        bad(f"{path.name}, row 1", f"the columns must be {', '.join(columns)}")
    for where, cells in lines[1:]:
        if cells:
            yield Row(where, {name: cells[at] for at, name in head.items() if at in cells})


def part(archive: zipfile.ZipFile, name: str, path: Path) -> Element:
    """One part of the archive as a tree. Entity declarations are refused: a short file could expand
    without end through them."""
    try:
        with archive.open(name) as file:
            data = file.read(MOST + 1)
    except KeyError:
        bad(path.name, f"it holds no {name}")
    if len(data) > MOST or b"<!DOCTYPE" in data:
        bad(path.name, f"{name} is too large, or declares entities")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError:
        bad(path.name, f"{name} is not XML")


def shared(tree: Element, path: Path) -> list[str]:
    """The shared texts, without their phonetic hints (`rPh`)."""
    return [
        "".join(
            plain(t.text or "") for run in (item, *item.findall(f"{SPACE}r"))
            for t in run.findall(f"{SPACE}t")
        )
        for item in tree.findall(f"{SPACE}si")
    ]  # fmt: skip


def plain(text: str) -> str:
    """A text with its characters unescaped."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def cells_of(row: Element, texts: Sequence[str], path: Path) -> dict[str, str]:
    """The cells of a row by the letters of their columns; empty ones are left out."""
    found = {}
    for cell in row.findall(f"{SPACE}c"):
        value = cell.find(f"{SPACE}v")
        inline = cell.find(f"{SPACE}is/{SPACE}t")
        column = (cell.get("r") or "").rstrip("0123456789")
        if inline is not None:
            found[column] = plain(inline.text or "")
        elif value is not None and cell.get("t") != "s":
            found[column] = value.text or ""
        elif value is not None:
            number = value.text or ""
            if not number.isdecimal() or int(number) >= len(texts):
                bad(
                    f"{path.name}, row {row.get('r')}",
                    "a cell refers to a shared text that does not exist",
                )
            found[column] = texts[int(number)]
    return found
