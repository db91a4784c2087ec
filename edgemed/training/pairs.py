"""A folder of notes and their summaries as examples of what the product asks.

    NAME.note.txt       a note, as `edgemed summarize` reads it
    NAME.summary.txt    what the model is to write about it, by the template

The prompt of each is the template's, word for word as `summarize` sends it. A file that has no
counterpart, or is neither, is refused by name; names that begin with a dot are ignored.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from edgemed.clinic.note import Note, decode, parse, refuse_unusable
from edgemed.clinic.summarizing.summarize import prompt_of
from edgemed.clinic.summarizing.template import Template
from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.training.examples import MOST, Example

NOTE, SUMMARY = ".note.txt", ".summary.txt"
NAMED = 5  # files that a refusal names
FORM = f"a note is NAME{NOTE}, its summary NAME{SUMMARY}"


def read_pairs(folder: Path, template: Template) -> list[Example]:
    """Every pair in `folder`, by name. InvalidFile or Refused for what cannot be an example."""
    names = paired(folder)
    if len(names) > MOST:
        raise Refused(f"{folder} holds more than {MOST:,} pairs", "divide it")
    return [example(folder, name, template) for name in names]


def paired(folder: Path) -> list[str]:
    """The names of all pairs, in order; InvalidFile names files without a partner."""
    try:
        files = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise EdgemedError(f"cannot read {folder}: {error.strerror}", "check the path") from None
    notes, summaries = (
        {p.name.removesuffix(end) for p in files if p.name.endswith(end) and p.is_file()}
        for end in (NOTE, SUMMARY)
    )
    others = [p.name for p in files if not (p.name.endswith((NOTE, SUMMARY)) and p.is_file())]
    refuse_some(folder, [n + NOTE for n in sorted(notes - summaries)], "notes without a summary")
    refuse_some(
        folder, [n + SUMMARY for n in sorted(summaries - notes)], "summaries without a note"
    )
    refuse_some(folder, others, "neither notes nor summaries")
    if not notes:
        raise InvalidFile(f"{folder} holds no note", FORM)
    return sorted(notes)


def refuse_some(folder: Path, names: Sequence[str], what: str) -> None:
    """InvalidFile that names the first of them, if there are any."""
    if names:
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        said = ", ".join(names[:NAMED]) + more
        raise InvalidFile(f"{folder}: {what}: {said}", f"{FORM}; add or remove the file")


def example(folder: Path, name: str, template: Template) -> Example:
    """One pair."""
    note, answer = note_in(folder / (name + NOTE)), answer_in(folder / (name + SUMMARY), template)
    return Example(prompt_of(note, template).messages, answer, str(folder / name))


def note_in(path: Path) -> Note:
    """A note that `summarize` would take. A refusal begins with the file's name."""
    try:
        note = parse(read_bounded(path, "note"))
        refuse_unusable(note)
    except OSError as error:
        raise EdgemedError(f"cannot read {path}: {error.strerror}", "check the file") from None
    except EdgemedError as error:
        error.message = f"{path}: {error.message}"
        raise
    return note


def answer_in(path: Path, template: Template) -> str:
    """A summary without white space around it; JSON if the template asks for JSON."""
    try:
        text = decode(read_bounded(path, "summary"))[0].strip()
    except OSError as error:
        raise EdgemedError(f"cannot read {path}: {error.strerror}", "check the file") from None
    except EdgemedError as error:
        error.message = f"{path}: {error.message.replace('the note', 'the summary')}"
        raise
    if not text:
        raise InvalidFile(f"{path}: the summary is empty", "write it, or remove the pair")
    if template.form == "json":
        refuse_other_json(path, text, template)
    return text


def refuse_other_json(path: Path, text: str, template: Template) -> None:
    """InvalidFile unless the text is an object with the fields that the template's schema names."""
    wanted = set(template.schema.get("required", ()))
    try:
        found = json_of(text)
    except ValueError:
        found = None
    missing = sorted(wanted - found.keys()) if isinstance(found, dict) else sorted(wanted)
    if missing or not isinstance(found, dict):
        raise InvalidFile(
            f"{path}: template {template.name} asks for a JSON object with {', '.join(missing)}",
            "write the summary as the model is to write it: see `edgemed templates show "
            f"{template.name}`",
        )


def without_headings(examples: Iterable[Example], template: Template) -> list[str]:
    """The pairs whose summary lacks a heading that the template asks for."""
    if template.form == "json":
        return []
    wanted = [re.compile(rf"^\W*{re.escape(s)}\b", re.I | re.M) for s in template.sections]
    return [e.place for e in examples if not all(heading.search(e.answer) for heading in wanted)]
