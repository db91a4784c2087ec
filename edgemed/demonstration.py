"""The demonstration model: the embedded parents merged, made once and kept in the cache."""

import hashlib
from pathlib import Path

from edgemed_models.scale import DEMO_T, path_of

HEADING = "DEMONSTRATION, NOT FOR PATIENTS"
PARENTS = ("clinical", "instruct")


def merged_path() -> Path:
    """Where the merged model stands; another pair of parents has another place."""
    from platformdirs import user_cache_path

    digest = hashlib.sha256(b"".join(path_of(name).read_bytes() for name in PARENTS))
    name = f"demonstration-{digest.hexdigest()[:12]}.gguf"
    return user_cache_path("edgemed", appauthor=False) / "demonstration" / name


def merged_model() -> Path:
    """The merged model's file, made now if it is not there yet (a second, once)."""
    path = merged_path()
    if not path.exists():
        from edgemed.merging.run import merge

        path.parent.mkdir(parents=True, exist_ok=True)
        merge(*(path_of(name) for name in PARENTS), t=DEMO_T, out=path)
    return path
