"""The demonstration model: a merge of the embedded models, made once and kept in the cache.

Any file made from the embedded models counts as a demonstration, whatever its name and place; so
does any made of a model whose card says what it cannot do.
"""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from edgemed_models.catalog import read_cards
from edgemed_models.scale import DEMO_T, path_of

from edgemed.errors import EdgemedError, Refused
from edgemed.gguf import open_model
from edgemed.storage.held import Busy
from edgemed.storage.whole import private_folder

HEADING = "DEMONSTRATION, NOT FOR PATIENTS"
LEARNED = "sample"  # the one template that asks what these models were taught
UNLEARNED = "the demonstration model has not learned this template: its draft will make no sense"
PARENTS = ("clinical", "instruct")
FAMILY = "edgemed scale "  # how general.name of the embedded models begins
MOST_PARENTS = 16
PATIENCE, PAUSE = 60.0, 0.1  # seconds to wait for another process; between two looks
LARGEST = 640 << 20  # bytes: files made from these models are smaller; others stay unopened


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
    from edgemed.api import merge

    try:
        private_folder(path.parent)
        merge(*(path_of(name) for name in PARENTS), t=DEMO_T, out=path)
    except OSError as error:
        raise EdgemedError(
            f"cannot create {path.parent}: {error.strerror}", "free some disk space"
        ) from error


def is_demonstration(path: Path) -> bool:
    """Whether a file is one of the models that demonstrate, or was merged or requantized from them.

    False for a file that is missing or not a model.
    """
    return is_embedded(path) or bool(limits_of(path))


def is_embedded(path: Path) -> bool:
    """Whether a file is one of the embedded models, or was made of them."""
    return any(name.startswith(FAMILY) for name in called(path))


def limits_of(path: Path) -> str:
    """What the model cannot do, by its card, as it is said before a draft; empty where no card says
    anything."""
    own = called(path)
    if not own:
        return ""
    told = {card.calls_itself: card.limits for card in read_cards() if card.limits}
    return next((told[base] for name in own if (base := name.split(" + ")[0]) in told), "")


def called(path: Path) -> tuple[str, ...]:
    """The names that a small file has, and those of the models it was made from."""
    try:
        return tuple(names(path)) if path.stat().st_size < LARGEST else ()
    except (OSError, EdgemedError):
        return ()


def names(path: Path) -> Iterator[str]:
    """The name of a model and those of the models it was made from."""
    metadata = open_model(path).metadata
    keys = ["general.name", *(f"general.base_model.{n}.name" for n in range(MOST_PARENTS))]
    yield from (str(metadata[key]) for key in keys if key in metadata)
