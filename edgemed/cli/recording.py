"""The record that a draft leaves: hashes and settings, and patient text only with --keep."""

import argparse
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from edgemed_models.base import Done
from edgemed_models.engine.client import LlamaModel

from edgemed.cli.stream import Outcome
from edgemed.clinic.note import Note
from edgemed.clinic.template import Template
from edgemed.logs.records import Draft, Kept, Records


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
    table["chat_template"] = sha256(given.encode()).hexdigest() if given else "the model's own"
    sampler = "greedy" if args.temperature == 0 else "top-k 40, top-p 0.95"
    return table | {
        "max_tokens": limit,
        "temperature": args.temperature,
        "seed": args.seed,
        "sampler": sampler,
    }
