"""A seal of the audit log kept elsewhere: on a stick, in another building, with another person.

Whoever may write the log, its key and its seal can put back an older copy of all three: nothing on
this disk shows that. A seal that was kept elsewhere does, and every row up to it is safe from then
on. A newer seal replaces an older one only if the log still holds the row that the older one names.
"""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from edgemed.amounts import amount
from edgemed.errors import EdgemedError, InvalidFile, Refused, UsageError
from edgemed.logs import audit_verify, database
from edgemed.logs.audit import Log
from edgemed.logs.audit_files import LogFiles
from edgemed.logs.chain import EVIDENCE, SEAL, Seal, name_of, parse_seal
from edgemed.storage.media import media
from edgemed.storage.whole import write_whole

KEPT = "seal kept"  # what the log calls it
SIGNATURES, DAYS = 20, 7  # since the last kept seal, or the first row: then one is due
LONGEST = 4096  # bytes of a kept seal's file that are looked at
CAUTION = (
    "An older copy of log, key and seal, put back together, looks like this too: only a seal kept "
    "elsewhere shows it. Keep one: edgemed audit seal --to FOLDER. Then: edgemed audit verify "
    "--seal FILE"
)


class NotInLog(EdgemedError):
    """The seal was kept as asked, but the log could not take the row that says so."""


def keep(place: LogFiles, to: Path, who: str, at: str) -> Path:
    """Write the log's seal into the folder or file `to`, then a row that says so; the file's path.

    The file comes first: it does no harm without the row, and the row ends the reminders. Refuses a
    log with faults, and one that no longer holds the row of the seal that is there already.
    """
    log_state = audit_verify.verify(place)
    if log_state.faults:
        raise InvalidFile(f"the audit log was changed: {log_state.faults[0]}", EVIDENCE)
    if not log_state.entries:
        raise Refused("nothing has been logged yet", "keep a seal after the first signature")
    name = name_of(audit_verify.key_beside(place))
    path = _file_in(to, name)
    _refuse_rollback(place, path)
    try:
        write_whole(path, as_file(log_state.seal, name, at))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EdgemedError(
            f"the seal cannot be written: {reason}", "name a folder that you may write in"
        ) from error
    try:
        Log(place).add(KEPT, who, at, {"row": log_state.seal.number})
    except EdgemedError as error:
        raise NotInLog(
            f"the seal is kept, but the audit log does not say so: {error.message}",
            f"the kept seal is valid; keep it again to end the reminders; {error.hint}",
        ) from error
    return path


def _file_in(to: Path, name: str) -> Path:
    """The file that keeps the seal of the log called `name`."""
    try:
        folder = to.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        folder = False
    if not folder and to.suffix != ".txt":
        raise Refused(
            "there is no such folder", "name an existing folder, or a file ending in .txt"
        )
    return to / f"edgemed-seal-{name}.txt" if folder else to


def as_file(seal: Seal, name: str, at: str) -> bytes:
    """The text of a kept seal: the seal on the first line, then an explanation."""
    words = f"""{seal}
Seal of the edgemed audit log {name}, row 1 to row {seal.number}, kept {at}.
To see whether the log still holds these rows: edgemed audit verify --seal FILE
"""
    return words.encode("ascii", "backslashreplace")


def seal_from(given: str) -> Seal:
    """A seal that was given as NUMBER:HEX, or as the name of a file that holds one."""
    if SEAL.fullmatch(given.strip()):
        return parse_seal(given)
    seal = kept_in(Path(given))
    if seal is None:
        raise UsageError(
            "there is no seal with that name",
            "give NUMBER:HEX, or the file that a seal was kept in",
        )
    return seal


def kept_in(path: Path) -> Seal | None:
    """The seal in a file; None if there is no file. UsageError if it holds no seal."""
    try:
        with path.open("rb") as file:
            begin = file.read(LONGEST)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EdgemedError(f"the kept seal cannot be read: {reason}", "check its path") from error
    return parse_seal(begin.decode("ascii", "replace").partition("\n")[0])


def others_in(folder: Path, path: Path) -> int:
    """How many seals of other logs are beside `path`: from other machines, or from an earlier
    log."""
    return sum(other.name != path.name for other in folder.glob("edgemed-seal-*.txt"))


def on_this_disk(place: LogFiles, path: Path) -> bool:
    """Whether a kept seal is on the log's own disk, where restoring an old copy restores it too."""
    try:
        return path.stat().st_dev == place.log.stat().st_dev
    except OSError:
        return False


def proposed() -> str:
    """The folder to propose: a plugged-in medium, if there is one."""
    return str(next(iter(media()), ""))


def only_medium() -> Path:
    """The one medium that is plugged in; UsageError if there is none, or several."""
    found = list(media())
    if len(found) == 1:
        return found[0]
    words = f"these are plugged in: {', '.join(map(str, found))}" if found else "none is plugged in"
    raise UsageError(f"no stick is named, and {words}", "name a folder")


def reminder(place: LogFiles, now: str) -> str:
    """A reminder that a seal is due, and why; empty if none is, or the log cannot be read now."""
    try:
        kept, signed, since = _since_kept(place)
        days = (datetime.fromisoformat(now) - datetime.fromisoformat(since)).days if since else 0
    except (sqlite3.Error, OSError, ValueError, TypeError):
        return ""
    if not signed or (signed < SIGNATURES and days < DAYS):
        return ""
    over = f"{amount(signed, 'signature')} in {amount(days, 'day')}"
    if kept:
        return f"{over} since a seal of the audit log was last kept elsewhere"
    return f"no seal of the audit log is kept elsewhere yet, after {over}"


def _since_kept(place: LogFiles) -> tuple[int, int, str]:
    """The row of the last kept seal (0: none), signatures after it, and that row's time, or the
    first row's."""
    with closing(database.connected(f"{place.log.absolute().as_uri()}?mode=ro")) as rows:
        (kept,) = rows.execute("SELECT max(number) FROM entries WHERE what = ?", (KEPT,)).fetchone()
        (signed,) = rows.execute(
            "SELECT count(*) FROM entries WHERE what = 'sign' AND number > ?", (kept or 0,)
        ).fetchone()
        since = rows.execute("SELECT at FROM entries WHERE number = ?", (kept or 1,)).fetchone()
    return kept or 0, signed, since[0] if since else ""


def _refuse_rollback(place: LogFiles, path: Path) -> None:
    """InvalidFile if the seal at `path` names a row that the log no longer has."""
    try:
        old = kept_in(path)
    except UsageError:
        raise Refused(
            "a file with that name exists and is not a seal", "choose another name"
        ) from None
    if old is not None and not audit_verify.holds(audit_verify.read(place), old):
        raise InvalidFile(
            f"the seal that is kept there names row {old.number}, which this log does not hold: "
            "an older copy was put back, or it is another log's",
            f"keep that seal as it is, and a new one under another name; {EVIDENCE}",
        )
