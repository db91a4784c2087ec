"""`edgemed demo --real`: a small real model, fetched before, merged and drafting offline.

Merges the card's clinical and instruct models, writes a summary of a note and of a visit's
conversation (both of invented patients) with each, and checks every draft against its text.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edgemed_models.base import Failed
from edgemed_models.catalog import Card

from edgemed.api import merge
from edgemed.cli.terminal.stream import close_text, follow, timing_line
from edgemed.clinic import samples
from edgemed.clinic.findings import Review
from edgemed.clinic.note import Note, parse
from edgemed.clinic.reviewing.usable import above
from edgemed.clinic.summarizing.summarize import prompt_of, request_of, write
from edgemed.clinic.summarizing.template_files import load_packaged
from edgemed.errors import EdgemedError, UsageError
from edgemed.local_models import library
from edgemed.local_models.demonstration import HEADING
from edgemed.local_models.getting.get import find_card
from edgemed.local_models.loading import Options, load_model

CARD = "smollm2-135m"
LIMIT = 160  # tokens of a draft: the demonstration takes a minute and not five
WRITTEN = (("discharge-summary", samples.note), ("visit-dialogue", samples.dialogue))


def run(args: argparse.Namespace) -> int:
    """Merge, draft twice with each model, check. 0 when everything worked."""
    began, card = time.perf_counter(), find_card(CARD)
    print(f"{HEADING}\n\n{CARD}: {card.limits}.")
    instruct = model_of("instruct")
    with tempfile.TemporaryDirectory(prefix="edgemed-demo-") as folder:
        for name, path in models(card, instruct, Path(folder) / "merged.gguf"):
            draft_both(name, path)
    print(f"\n{HEADING}: {time.perf_counter() - began:.0f} s in all")
    return 0


def models(card: Card, instruct: Path, merged: Path) -> Iterator[tuple[str, Path]]:
    """The models to draft with; the merge is made here and now, so that its time can be shown."""
    yield "instruct", instruct
    if card.partner is None and card.clinical is None:
        print("\nthe card has no clinical partner, so there is nothing to merge")
        return
    clinical = model_of("clinical")
    yield "clinical", clinical
    result = merge(clinical, instruct, t=card.t, out=merged)
    size = merged.stat().st_size / 1e6
    print(
        f"\nmerged clinical and instruct at t = {card.t:g}: {size:.0f} MB, {result.seconds:.1f} s"
    )
    yield "merged", merged


def model_of(part: str) -> Path:
    """A model of the card in the library. UsageError, with the command that gets it."""
    name = f"{CARD}-{part}"
    entry = library.read_library().find(name)
    if entry is None or not Path(entry.path).is_file():
        raise UsageError(f"there is no model {name!r} yet", f"edgemed models get {CARD}")
    return Path(entry.path)


def draft_both(name: str, path: Path) -> None:
    """Both texts by one model, with how long it took to load."""
    began = time.perf_counter()
    model = load_model(path, Options())
    print(f"\n=== {name}: {path.name}, loaded in {time.perf_counter() - began:.1f} s")
    try:
        for template, text in WRITTEN:
            note = parse(text())
            asked = load_packaged(template)
            print(f"\n--- {name}, {asked.title}\n", flush=True)
            request = request_of(prompt_of(note, asked), LIMIT)
            outcome = follow(write(model, request), sys.stdout)
            close_text(outcome, LIMIT)
            if isinstance(outcome.end, Failed):
                raise EdgemedError(outcome.end.message, outcome.end.hint)
            if outcome.end is not None:
                print(timing_line(outcome.end.timings))
            print(checked(note, outcome.text))
    finally:
        model.close()


def checked(note: Note, draft: str) -> str:
    """The result of the checks of a draft in one line, after a warning if it is not usable."""
    from edgemed.clinic.reviewing.review import review

    if not draft.strip():
        return "checks: the model wrote nothing"
    found = review(note.text, draft)
    said = [above(found.unusable)] if found.unusable else []
    return "\n".join([*said, counts(found)])


def counts(found: Review) -> str:
    """Counts of claims by label, and of findings by severity."""
    from edgemed.clinic.reviewing.counting import all_of, counted

    labels = [claim.label for claim in found.claims]
    by_label = ", ".join(f"{labels.count(label)} {label}" for label in dict.fromkeys(labels))
    return (
        f"checks: {len(labels)} claims ({by_label or 'none'}); "
        f"findings: {counted(all_of(found)).words}"
    )
