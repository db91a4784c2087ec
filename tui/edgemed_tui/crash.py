"""What may be said of a crash: its type and its place. Never a message, never a variable."""

import traceback

from edgemed.errors import EdgemedError
from edgemed_tui.remedies import remedy


def place_of(error: BaseException) -> str:
    """`TypeError in draft_pane.py, line 12`; without the message, which can quote a note."""
    error = root_of(error)
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    name = last.filename.replace("\\", "/").rsplit("/", 1)[-1]
    return f"{type(error).__name__} in {name}, line {last.lineno}"


def told(error: BaseException) -> str:
    """What may be said of an error that ended a check: its own words if they cannot quote a note,
    else type and place."""
    if isinstance(error, EdgemedError):
        hint = remedy(error.hint)
        return f"{error.message} ({hint})" if hint else error.message
    return place_of(error)


def root_of(error: BaseException) -> BaseException:
    """The first exception, if one was raised from another."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def report(error: BaseException) -> str:
    """The lines printed after a crash: type and place, then the places it was called from."""
    frames = traceback.extract_tb(root_of(error).__traceback__)
    ours = [f for f in frames if "edgemed" in f.filename]
    places = [f"  {f.name}, line {f.lineno}" for f in ours[-5:]]
    head = f"edgemed stopped: {place_of(error)}"
    return "\n".join([head, *places, "No text of the note is shown here, on purpose."])
