"""Where an output may go: a free name, or a regular file that may be replaced."""

import os
from collections.abc import Sequence
from pathlib import Path

from edgemed.errors import Refused
from edgemed.storage.names import refuse_odd_name

OTHER = "choose another output"


def refuse_place(out: Path, replace: bool, force: str = "replace it") -> None:
    """Refused unless `out` is a free name in an existing folder, or a file that may be replaced.

    Links, folders, pipes and devices are never replaced or written through.
    """
    refuse_odd_name(out)
    if not out.parent.is_dir():
        raise Refused(f"there is no folder {out.parent}", "create it, or choose another output")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise Refused(f"you may not write in the folder {out.parent}", OTHER)
    if out.is_symlink():
        raise Refused(f"the output {out} is a link", "name the file itself, or " + OTHER)
    if out.is_dir():
        raise Refused(f"the output {out} is a folder", "name a file")
    if out.exists() and not out.is_file():
        raise Refused(f"the output {out} is not a regular file", OTHER)
    if out.exists() and not replace:
        raise Refused(f"{out} exists already", f"{OTHER}, or {force}" if force else OTHER)


def refuse_inputs(out: Path, written: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refused if the output, or a temporary file written on the way to it, is an input."""
    for source in inputs:
        for path in written:
            if path.exists() and source.exists() and path.samefile(source):
                if path == out:
                    raise Refused(f"the output {out} is one of the inputs", OTHER)
                raise Refused(f"writing {out} would overwrite the input {path}", OTHER)
