"""Metadata keys that say how a file was made; importing this module loads no kernels."""

from collections.abc import Container
from typing import NamedTuple


class KeySet(NamedTuple):
    """The keys of one kind of work. `recipe` is the recipe's normal form as JSON, `files` are the
    names of all files that were read, `inputs` those of the models."""

    version: str
    recipe: str
    recipe_sha256: str
    inputs: str
    files: str
    files_sha256: str
    encoder_version: str
    seed: str
    imatrix: str
    imatrix_sha256: str


MERGE_PREFIX, QUANTIZE_PREFIX = "edgemed.merge.", "edgemed.quantize."
MERGE = KeySet(*(MERGE_PREFIX + word for word in KeySet._fields))
QUANTIZE = KeySet(*(QUANTIZE_PREFIX + word for word in KeySet._fields))

RECIPE, RECIPE_HASH = MERGE.recipe, MERGE.recipe_sha256


def last_record(metadata: Container[str]) -> KeySet:
    """The keys of the latest step: a merge drops those of an earlier quantization, a quantization
    keeps those of an earlier merge."""
    return QUANTIZE if QUANTIZE.recipe in metadata else MERGE
