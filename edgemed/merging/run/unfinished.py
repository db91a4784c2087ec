"""A merge that was stopped before its end: what is known about it, and how to discard it.

The journal beside an output says what is written. The path of that output and the merge's form are
noted in the user's own folder when a merge begins from the screen, so that a later run can offer to
continue. Has names of model files, nothing from any clinical note.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.merging.plan.plan import Plan
from edgemed.merging.run.journal import written_of
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.storage.held import remove
from edgemed.storage.output import journal_of, part_of
from edgemed.storage.whole import private_folder, write_whole

Form = Mapping[str, str]


def share_written(plan: Plan) -> float | None:
    """How much of the output an earlier attempt noted as written, 0 to 1; None if there is none.

    A line of the journal is a claim; resuming checks each against the bytes.
    """
    if not journal_of(plan.out).exists():
        return None
    try:
        written = written_of(plan.out)
    except (InvalidFile, OSError):
        return None
    return min(1.0, written / max(1, plan.placement.total_bytes))


def discard(plan: Plan) -> None:
    """Remove what an earlier attempt at this output left, never its inputs.

    Refused while a merge is writing it.
    """
    for path in (journal_of(plan.out), *(part_of(s.path) for s in plan.placement.shards)):
        remove(path)


def remember(form: Form) -> None:
    """Note that a merge begins: the fields of a form, `out` among them; or EdgemedError."""
    path = note_file()
    try:
        private_folder(path.parent)
        write_whole(path, json.dumps(dict(form)).encode())
    except OSError as error:
        raise EdgemedError(
            f"cannot write {path}: {error.strerror}",
            "free some disk space, or check that you may write in that folder",
        ) from error


def forget() -> None:
    """Forget the noted merge: it has ended, or is no longer wanted."""
    note_file().unlink(missing_ok=True)


def remembered() -> dict[str, str] | None:
    """The form of an unfinished merge that left a journal; None if there is none."""
    try:
        form = json_of(read_bounded(note_file(), "file of settings"))
    except (OSError, ValueError):
        return None
    words = isinstance(form, dict) and all(isinstance(value, str) for value in form.values())
    if not words or "out" not in form:
        return None
    try:
        out = Path(form["out"]).expanduser()
    except RuntimeError:  # ~NAME of a user who does not exist
        return None
    return form if journal_of(out).exists() and not out.exists() else None


def note_file() -> Path:
    """The path of the note."""
    from platformdirs import user_data_path

    return user_data_path("edgemed", appauthor=False) / "unfinished-merge.json"
