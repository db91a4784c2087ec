"""What a survey found, as a page or as JSON in a file; the ending of its name says which."""

import json
from collections.abc import Sequence
from pathlib import Path

from edgemed.errors import UsageError
from edgemed.merging.report import report
from edgemed.merging.report.survey import TensorFigures
from edgemed.storage.place import refuse_place
from edgemed.storage.whole import in_words, write_whole


def refuse_name(path: Path) -> None:
    """Before the work: UsageError if the name does not end in .html or .json, Refused if nothing
    can be written there. An existing report is replaced."""
    if path.suffix.lower() not in (".html", ".json"):
        raise UsageError(
            f"{path} does not end in .html or .json", "name the report NAME.html or NAME.json"
        )
    refuse_place(path, replace=True)


def write_report(path: Path, title: str, measures: Sequence[TensorFigures]) -> None:
    """A page, or JSON, by the file's ending."""
    if path.suffix.lower() == ".html":
        text = report.as_html(title, measures)
    else:
        text = json.dumps(report.as_json(title, measures), indent=2)
    with in_words(path):
        write_whole(path, text.encode())
