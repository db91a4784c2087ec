"""Which models are for demonstration only, and what users are told about them.

Any file made from the embedded models counts as a demonstration, whatever its name and place; so
does any file made from a model whose card says what it cannot do.
"""

from collections.abc import Iterator
from pathlib import Path

from edgemed_models.catalog import read_cards

from edgemed.errors import EdgemedError
from edgemed.gguf import open_model

HEADING = "DEMONSTRATION, NOT FOR PATIENTS"
LEARNED = "sample"  # the one template that asks what these models were taught
UNLEARNED = "the demonstration model has not learned this template: its draft will make no sense"
PARENTS = ("clinical", "instruct")
FAMILY = "edgemed scale "  # how general.name of the embedded models begins
MOST_PARENTS = 16
LARGEST = 640 << 20  # bytes: files made from these models are smaller; others stay unopened


def is_demonstration(path: Path) -> bool:
    """Whether a file is one of the models that demonstrate, or was merged or requantized from them.

    False for a file that is missing or not a model.
    """
    return is_embedded(path) or bool(limits_of(path))


def is_embedded(path: Path) -> bool:
    """Whether a file is one of the embedded models, or was made from them."""
    return any(name.startswith(FAMILY) for name in called(path))


def limits_of(path: Path) -> str:
    """What the model cannot do, by its card, as shown before a draft; empty if no card says
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
