"""The hash of a new model, kept so that no draft waits for it."""

import sys
from pathlib import Path

from edgemed.errors import EdgemedError
from edgemed.local_models.library import AddedModel
from edgemed.logs.audit import Log, default_place
from edgemed.logs.file_hashes import remember
from edgemed.printable import printable


def keep_hash(entry: AddedModel) -> None:
    """Keep it in the log; if that fails, say so: the first draft computes it again."""
    try:
        remember(Log(default_place()), Path(entry.path), entry.sha256)
    except EdgemedError as error:
        why = printable(error.message)
        print(f"note: the hash is not kept ({why}); the first draft computes it", file=sys.stderr)
