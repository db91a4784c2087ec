"""Asks the model about its own draft: to point to the note, or to rewrite flagged sentences.

Both come after the draft and change nothing in it. If it cannot finish, it says so and shows what
it has.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from edgemed_models.base import LanguageModel, ModelError

from edgemed.amounts import amount
from edgemed.cli.terminal.printing import shown_hint
from edgemed.clinic.findings import Looked
from edgemed.errors import EdgemedError
from edgemed.local_models.loading import translated
from edgemed.printable import printable

if TYPE_CHECKING:  # loads the checks, which a draft need not wait for
    from edgemed.clinic.reviewing.second_look import Revision, Version


@dataclass(slots=True)
class Asked:
    """What came back: quotes, and rewritten sentences."""

    looked: list[Looked] = field(default_factory=list)
    revisions: list["Revision"] = field(default_factory=list)


def look_again(model: LanguageModel, note: str, draft: str, asked: Asked) -> None:
    """Where in the note the model finds what the checks do not find."""
    from edgemed.clinic.reviewing.second_look import look

    with what_can_be_had("second look"):
        for looked in look(model, note, draft):
            asked.looked.append(looked)


def write_again(model: LanguageModel, note: str, draft: str, asked: Asked) -> None:
    """Flagged sentences, rewritten by the model, which is told the reasons."""
    from edgemed.clinic.reviewing.second_look import revise

    with what_can_be_had("revision"):
        for revision in revise(model, note, draft):
            asked.revisions.append(revision)


@contextmanager
def what_can_be_had(what: str) -> Iterator[None]:
    """An engine error or a stop by the user ends these questions, not the run."""
    try:
        yield
    except ModelError as error:
        tell_unfinished(what, translated(error))
    except EdgemedError as error:
        tell_unfinished(what, error)
    except KeyboardInterrupt:
        print(f"{what}: stopped", file=sys.stderr)


def tell_unfinished(what: str, error: EdgemedError) -> None:
    """Why, and what helps."""
    print(f"{what}: not finished: {printable(error.message)}", file=sys.stderr)
    print(shown_hint(error.hint), file=sys.stderr)


def tell_looks(looked: list[Looked]) -> None:
    """Print places only: the reader looks them up, and the flag stays."""
    for sentence, quoted in looked:
        says = "the model finds it nowhere in the note either"
        if quoted is not None:
            says = f"the model points to {quoted.start}-{quoted.end} of the note"
        print(f"second look: {sentence.start}-{sentence.end}: {says}", file=sys.stderr)


def tell_revisions(revisions: list["Revision"], draft: str) -> None:
    """Print each flagged sentence above its rewrites; the draft itself is unchanged."""
    if not revisions:
        return
    print("\nFlagged sentences, rewritten by the model (the draft is unchanged):")
    for revision in revisions:
        start, end = revision.draft
        print(f"\n  was: {one_line(draft[start:end])} ({said_of(len(revision.flags))})")
        for version in revision.versions:
            print(f"  now: {said_again(version)}")


def said_again(version: "Version") -> str:
    """A version on one line, with its label and flags."""
    if not version.text:
        return "[nothing: the model leaves it out]"
    says = (
        "the checks have nothing to compare"
        if version.label == "nothing to compare"
        else version.label
    )
    return f"{one_line(version.text)} ({said_of(len(version.flags))}; {says})"


def said_of(flags: int) -> str:
    """How many flags a sentence has."""
    return "nothing flagged" if not flags else amount(flags, "flag")


def one_line(text: str) -> str:
    """White space collapsed, so that nothing breaks the line."""
    return " ".join(text.split())


def as_data(args: argparse.Namespace, asked: Asked, draft: str) -> dict[str, Any]:
    """The answers, for programs; spans count characters of the note and of the draft."""
    data: dict[str, Any] = {}
    if args.second_look:
        data["second_look"] = [looked._asdict() for looked in asked.looked]
    if args.revise:
        data["revisions"] = [
            {"was": draft[r.draft.start : r.draft.end]} | asdict(r) for r in asked.revisions
        ]
    return data


def not_asked(args: argparse.Namespace) -> dict[str, Any]:
    """The same keys where the model is not asked."""
    asked = {"second_look": args.second_look, "revisions": args.revise}
    return {name: "not asked" for name, wanted in asked.items() if wanted}
