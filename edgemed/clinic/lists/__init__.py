"""Reads the word lists of the checks, one file a list; a site can add lines of its own.

A list is UTF-8 text: `#` begins a comment, a line is either words or `name = other, names`.
A file of the same name in the site's folder (`$EDGEMED_LISTS`, else `lists` in the user's
configuration folder) is read after the shipped one; its lines are added.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from platformdirs import user_config_path

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.storage.listing import is_missing

SHIPPED = Path(__file__).parent


@cache
def words_of(name: str) -> frozenset[str]:
    """All words of the list `name`, in lower case."""
    return frozenset(word for line in lines(name) for word in line.lower().split())


@cache
def names_of(name: str) -> dict[str, tuple[str, ...]]:
    """Each concept of the list `name` with all ways to say it, its own name first."""
    found: dict[str, tuple[str, ...]] = {}
    for line in lines(name):
        concept, _, others = line.partition("=")
        said = (concept, *others.split(","))
        key = concept.strip().lower()
        found[key] = found.get(key, ()) + tuple(s.strip().lower() for s in said if s.strip())
    return found


@cache
def rows_of(name: str) -> tuple[tuple[str, ...], ...]:
    """Rows of the table `name`: cells between tabs, without outer white space."""
    return tuple(tuple(c.strip() for c in line.split("\t")) for line in lines(name))


def lines(name: str) -> Iterator[str]:
    """Lines of the shipped list, then of the site's, without comments and blank lines."""
    for folder in (SHIPPED, site_folder()):
        for line in text_of(folder, name).splitlines():
            if line.strip() and not line.startswith("#"):
                yield line


def text_of(folder: Path, name: str) -> str:
    """The text of a list; empty if there is none. EdgemedError if it cannot be read: without a
    site's own words the checks would miss things."""
    path = folder / name
    try:
        return path.read_text("utf-8")
    except UnicodeError:
        raise InvalidFile(f"the list {path} is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        if is_missing(folder, error):
            return ""
        raise EdgemedError(
            f"the list {path} cannot be read: {error.strerror}",
            f"give this user the right to read {folder}, or move it away",
        ) from error


def site_folder() -> Path:
    """The folder of a site's own lists."""
    return Path(
        os.environ.get("EDGEMED_LISTS") or user_config_path("edgemed", appauthor=False) / "lists"
    )
