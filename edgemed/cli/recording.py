"""The record that a draft leaves: hashes and settings, and patient text only with --keep.

Records that can never be written are refused before any work. Once there is a draft it comes
first: a record that fails then is a warning and an exit code.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from edgemed_models.base import Done
from edgemed_models.engine.client import LlamaModel

from edgemed.cli.stream import Outcome
from edgemed.clinic.note import Note
from edgemed.clinic.template import Template
from edgemed.errors import EdgemedError
from edgemed.logs.records import Draft, Held, Kept, Records
from edgemed.merging.plan.fingerprints import sha256_of

UNRECORDED = EdgemedError.exit_code


@contextmanager
def records_for(args: argparse.Namespace) -> Iterator[Records | None]:
    """The records; None with --no-record, and while another program holds them."""
    with nullcontext() if args.no_record else opened() as records:
        yield records


def opened() -> Records | nullcontext[None]:
    """The records, or nothing where they may be free again when the draft is done."""
    try:
        return Records()
    except Held as error:
        print(f"note: {error.message}: tried again after the draft", file=sys.stderr)
        return nullcontext()


def recorded(
    records: Records | None,
    args: argparse.Namespace,
    model: LlamaModel,
    note: Note,
    template: Template,
    outcome: Outcome,
    limit: int,
) -> int:
    """Record a draft that is out already; an exit code, with a warning where that failed."""
    if args.no_record:
        return 0
    try:
        with nullcontext(records) if records else Records() as rows:
            record(rows, args, model, note, template, outcome, limit)
    except EdgemedError as error:
        print(f"warning: the draft is not recorded: {error.message}", file=sys.stderr)
        print(f"         {error.hint}", file=sys.stderr)
        return UNRECORDED
    return 0


def record(
    records: Records,
    args: argparse.Namespace,
    model: LlamaModel,
    note: Note,
    template: Template,
    outcome: Outcome,
    limit: int,
) -> None:
    """Write one row: hashes and settings, and patient text only with --keep."""
    end = outcome.end
    kept = Kept(args.note, note.text, outcome.text) if args.keep else None
    row = Draft(
        note=note.text,
        draft=outcome.text,
        model=model.name,
        model_hash=records.file_hash(Path(model.settings.path)),
        template=template.name,
        template_hash=template.hash,
        settings=settings_table(args, model, limit),
        ending=outcome.ending,
        timings=asdict(end.timings) if isinstance(end, Done) else {},
    )
    records.add(row, kept)


def settings_table(args: argparse.Namespace, model: LlamaModel, limit: int) -> dict[str, Any]:
    """Everything that decides the draft besides note, model and template."""
    table = asdict(model.settings)
    given = table.pop("chat_template")
    adapters = table.pop("adapters")
    if adapters:
        table["adapters"] = [
            [Path(path).name, strength, sha256_of(Path(path))] for path, strength in adapters
        ]
    table["chat_template"] = sha256(given.encode()).hexdigest() if given else "the model's own"
    sampler = "greedy" if args.temperature == 0 else "top-k 40, top-p 0.95"
    return table | {
        "max_tokens": limit,
        "temperature": args.temperature,
        "seed": args.seed,
        "sampler": sampler,
    }
