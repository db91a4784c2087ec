"""What `edgemed summarize` prints besides the draft: on the note, the checks; or all as JSON."""

import sys
from dataclasses import asdict
from typing import Any

from edgemed_models.answer import Answer
from edgemed_models.engine.client import LlamaModel

from edgemed.amounts import amount
from edgemed.cli.terminal.asking import one_line
from edgemed.clinic.findings import Omission, Review
from edgemed.clinic.note import Note
from edgemed.clinic.reviewing.counting import all_of, counted, flags_of
from edgemed.clinic.reviewing.usable import above
from edgemed.clinic.summarizing.template import Template
from edgemed.clinic.vital.shown import TITLE, vital_lines


def tell_about(note: Note) -> None:
    """What a reader must know about the note as it was read."""
    if note.language == "other":
        print("note: it is not English, and the checks only know English", file=sys.stderr)
    if note.hidden:
        many = amount(note.hidden, "control character")
        print(f"note: shown as U+FFFD: {many}", file=sys.stderr)
    if note.encoding == "cp1252":
        print("note: it is not UTF-8; read as Windows text (cp1252)", file=sys.stderr)


def tell_addressed(checked: Review | None, note: Note) -> None:
    """Possible instructions to the model in the note, on stderr: where they are, not their text."""
    if checked is not None and checked.addressed:
        from edgemed.clinic.reading.addressed_shown import told

        for words in told(note.text, checked.addressed):
            print(f"note: {words}; check whether it belongs there", file=sys.stderr)


def tell_flags(checked: Review | None, text: str) -> None:
    """What the checks found, on stderr; an empty list says nothing about correctness.

    Reasons quote the note, so they go to a terminal only. A file of messages gets omissions by the
    checks' own names for them, such as a drug's.
    """
    if checked is None:
        return
    if checked.unusable:
        print(above(checked.unusable).upper(), file=sys.stderr)
    told = sys.stderr.isatty()
    for flag in flags_of(checked):
        place = f" at {flag.draft.start}-{flag.draft.end}" if any(flag.draft) else ""
        why = f"{flag.check}: {one_line(flag.reason)}" if told else flag.check
        print(f"check: {flag.severity}, {flag.label}{place}: {why}", file=sys.stderr)
    for omission in checked.omissions:
        what = omission.reason if told else by_name(omission)
        print(f"check: {omission.severity}, {one_line(what)}", file=sys.stderr)
    print(f"findings: {counted(all_of(checked)).words}", file=sys.stderr)
    for line in vital_lines(checked, named=told):
        print(f"{TITLE.lower()}: {one_line(line)}", file=sys.stderr)


def by_name(omission: Omission) -> str:
    """What is left out and where the note has it, without the note's own words."""
    called = f" {omission.name}" if omission.name else ""
    place = f"{omission.source.start}-{omission.source.end} of the note"
    return f"left out: {omission.kind}{called}, at {place}"


def document(
    model: LlamaModel,
    note: Note,
    template: Template,
    answer: Answer,
    text: str,
    checked: Review | None,
) -> dict[str, Any]:
    """The whole result for programs; spans are characters of the note and of `text`."""
    return {
        "text": text,
        "answer": answer.text,
        "complete": answer.complete,
        "ending": answer.ending,
        "language": note.language,
        "template": {
            "name": template.name,
            "version": template.version,
            "hash": template.hash,
            "fields": template.values,
        },
        "unusable": above(checked.unusable) if checked else "",
        "counts": counted(all_of(checked))._asdict() if checked else None,
        "model": model.name,
        "timings": answer.timings or None,
        "review": asdict(checked) if checked else "not checked",
    }
