"""Files of one JSON object per line, appended as results come; a kill loses only the last line."""

import json
import os
from pathlib import Path
from typing import Any

Label = dict[str, Any]


def known(path: Path) -> list[Label]:
    """The complete lines of a file; of two lines about the same thing the later."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text("utf-8").rpartition("\n")
    return list({label_of(line): line for line in map(json.loads, whole.splitlines())}.values())


def label_of(line: Label) -> str:
    """What a line is about, as text: all but its scores."""
    return json.dumps({key: line[key] for key in sorted(line) if key != "axes"})


def add(path: Path, line: Label) -> None:
    """Append one line, over an incomplete last one."""
    data = path.read_bytes() if path.exists() else b""
    if not data.endswith(b"\n") and data:
        os.truncate(path, data.rfind(b"\n") + 1)
    with path.open("a", encoding="utf-8") as out:
        print(json.dumps(line, separators=(",", ":")), file=out)
