"""The demonstration model: a merge of the embedded models, made once and kept in the cache."""

import hashlib
import time
from pathlib import Path

from edgemed_models.machine import logical_cores
from edgemed_models.scale import DEMO_T, path_of

from edgemed.errors import EdgemedError, Refused
from edgemed.local_models.demonstration import PARENTS
from edgemed.storage.held import Busy
from edgemed.storage.whole import private_folder

PATIENCE, PAUSE = 60.0, 0.1  # seconds to wait for another process, and between two checks


def merged_path() -> Path:
    """The path of the merged model; it depends on the parents' contents."""
    from platformdirs import user_cache_path

    digest = hashlib.sha256(b"".join(path_of(name).read_bytes() for name in PARENTS))
    name = f"demonstration-{digest.hexdigest()[:12]}.gguf"
    return user_cache_path("edgemed", appauthor=False) / "demonstration" / name


def merged_model() -> Path:
    """The merged model's file; the first call makes it, in about a second."""
    path, end = merged_path(), time.monotonic() + PATIENCE
    while not path.exists():
        try:
            make(path)
        except Refused as error:  # another process may have just made it, or be making it
            if path.exists():
                break
            if not isinstance(error, Busy) or time.monotonic() > end:
                raise
            time.sleep(PAUSE)
    return path


def make(path: Path) -> None:
    """Merge the embedded models into `path`."""
    from edgemed.merging.plan.plan import plan_merge
    from edgemed.merging.recipe.recipe import between
    from edgemed.merging.run.run import run_plan

    try:
        private_folder(path.parent)
        clinical, instruct = map(path_of, PARENTS)
        run_plan(plan_merge(between(clinical, instruct, DEMO_T), path, logical_cores()))
    except OSError as error:
        raise EdgemedError(
            f"cannot create {path.parent}: {error.strerror}", "free some disk space"
        ) from error
