"""Names that no file can have here: asks the system, and puts its answer in words."""

import errno
from typing import TYPE_CHECKING

from edgemed.errors import UsageError

if TYPE_CHECKING:  # `edgemed --help` needs no paths
    from pathlib import Path

REFUSED = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ELOOP)
"""What the system answers to a name that is too long, that no disk holds, or a link to itself."""
SHOWN = 60  # characters of such a name that a refusal shows
ANOTHER = "give another name"


def refuse_odd_name(path: "Path", name: str | None = None) -> None:
    """UsageError if no file can be called `path`; `name` is what the refusal calls it."""
    try:
        path.stat()
    except ValueError:  # a NUL, or half of a pair of surrogates
        reason = "it has a character that no name can have"
    except OSError as error:
        if error.errno not in REFUSED:
            return
        reason = error.strerror or type(error).__name__
    else:
        return
    shown = name or ascii(str(path)[:SHOWN]) + ("..." if len(str(path)) > SHOWN else "")
    raise UsageError(f"{shown}: no file can have this name ({reason})", ANOTHER)
