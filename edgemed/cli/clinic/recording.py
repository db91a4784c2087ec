"""The record of a draft made on the command line: the same as one made on the screen.

A log that cannot be written is refused before any work. Once there is a draft it is printed first:
if the record then fails, that is a warning and an exit code. With --no-record neither a record nor
a row of the audit log is written.
"""

import argparse
import sys
from pathlib import Path

from edgemed_models.answer import Answer
from edgemed_models.engine.client import LlamaModel

from edgemed.clinic.case import history
from edgemed.clinic.case.document import Origin
from edgemed.clinic.note import Note
from edgemed.clinic.summarizing.template import Template, readable
from edgemed.errors import EdgemedError
from edgemed.local_models.loading import decisive
from edgemed.logs.audit import Log, default_place, now
from edgemed.logs.database import Held
from edgemed.logs.file_hashes import file_hash
from edgemed.logs.records import KeptText

UNRECORDED = EdgemedError.exit_code
WITHOUT = "--no-record drafts without a record"


def log_for(args: argparse.Namespace) -> Log | None:
    """The log; None with --no-record, and while another program holds it."""
    if args.no_record:
        return None
    try:
        return Log(default_place())
    except Held as error:
        print(f"note: {error.message}; trying again after the draft", file=sys.stderr)
        return None
    except EdgemedError as error:
        error.hint = f"{error.hint}; {WITHOUT}"
        raise


def recorded(
    log: Log | None,
    args: argparse.Namespace,
    model: LlamaModel,
    note: Note,
    template: Template,
    answer: Answer,
    limit: int,
) -> int:
    """Record a draft that is printed already. Returns an exit code, and warns if that failed. An
    empty answer is not recorded.
    """
    if args.no_record or not answer.text.strip():
        return 0
    try:
        record(log or Log(default_place()), args, model, note, template, answer, limit)
    except EdgemedError as error:
        print(f"warning: the draft is not recorded: {error.message}", file=sys.stderr)
        print(f"         {error.hint}; {WITHOUT}", file=sys.stderr)
        return UNRECORDED
    return 0


def record(
    log: Log,
    args: argparse.Namespace,
    model: LlamaModel,
    note: Note,
    template: Template,
    answer: Answer,
    limit: int,
) -> None:
    """Write row and record: hashes and settings, and patient text only with --keep."""
    text = as_read(template, answer)
    origin = Origin(
        model.name,
        template.name,
        file_hash(log, Path(model.settings.path)),
        template.hash,
        args.demo,
        tuple(decisive(model, limit, args.temperature, args.seed).items()),
    )
    kept = KeptText(args.note, note.text, text) if args.keep else None
    history.drafted(log, note.text, text, answer, origin, history.NOBODY, now(), kept)


def as_read(template: Template, answer: Answer) -> str:
    """The draft in its readable form; as the model wrote it if that fails."""
    try:
        return readable(template, answer.text) if answer.complete else answer.text
    except EdgemedError:
        return answer.text
