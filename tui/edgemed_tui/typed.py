"""A file's name as the user types it, on the screen and in the line mode."""

from pathlib import Path

from edgemed.errors import UsageError


def path_of(typed: str) -> Path:
    """A file as it was typed: spaces and quotes belong to its name, quotes around it do not."""
    name = typed.strip()
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    if not name:
        raise UsageError("no file is named", "type a path")
    if "\0" in name:
        raise UsageError("no file can have that name", "type the name again")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageError("there is no user of that name", "type the whole path") from None
