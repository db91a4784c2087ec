"""The output's metadata: the first model's, byte for byte, but for what the merge makes untrue.

Reads headers only; decides whose chat template the output carries.
"""

from typing import Any

from edgemed.gguf import SPLIT_KEYS, Metadata, Model, edit_metadata
from edgemed.merging.outline import Models, leader, slice_length
from edgemed.merging.recipe import LIKE_A, Recipe

TEMPLATE = "tokenizer.chat_template"
TURN_KEYS = (TEMPLATE, *(f"tokenizer.ggml.{k}_token_id" for k in ("bos", "eos", "eot", "eom")))


def output_metadata(
    recipe: Recipe, models: Models, file_type: int | None
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Key -> bytes, and lines that say whose chat template it is. None: no file type fits."""
    first = models[leader(recipe, recipe.slices[0]).model]
    donor, note = chat_donor(first, [models[path] for path in recipe.models])
    replace = block_keys(recipe, models, first.metadata) if recipe.sliced else {}
    drop = set(SPLIT_KEYS)
    if "general.file_type" in first.metadata and (recipe.out_type != LIKE_A or recipe.types):
        if file_type is None:
            drop.add("general.file_type")
        else:
            replace["general.file_type"] = ("uint32", file_type)
    raw = edit_metadata(first.metadata, replace, drop)
    if donor is not first:
        raw |= {key: donor.metadata.raw(key) for key in TURN_KEYS if key in donor.metadata}
    return raw, (note,)


def chat_donor(first: Model, models: list[Model]) -> tuple[Model, str]:
    """Whose chat template and end-of-turn tokens the output carries, and a line that says so."""
    having = [m for m in (first, *models) if TEMPLATE in m.metadata]
    if not having:
        return first, "no model has a chat template: the output will need one to be run"
    donor, name = having[0], having[0].paths[0].name
    if len({m.metadata[TEMPLATE] for m in having}) > 1:
        return donor, f"different chat templates: {name}'s is kept (name another model first)"
    return donor, f"chat template and turn tokens from {name}"


def block_keys(recipe: Recipe, models: Models, metadata: Metadata) -> dict[str, tuple[str, Any]]:
    """The number of blocks, and every list with one value a block, for the chosen blocks."""
    arch = metadata["general.architecture"]
    count = f"{arch}.block_count"
    replace = {count: (metadata.type_of(count), sum(slice_length(part) for part in recipe.slices))}
    before = metadata[count]
    for key in metadata:
        is_list = metadata.type_of(key).endswith("[]")
        if key.startswith(f"{arch}.") and is_list and metadata.length_of(key) == before:
            replace[key] = (metadata.type_of(key), block_list(recipe, models, key))
    return replace


def block_list(recipe: Recipe, models: Models, key: str) -> list[Any]:
    """The values of `key` for the blocks of every slice, from the model that leads it."""
    values: list[Any] = []
    for part in recipe.slices:
        lead = leader(recipe, part)
        assert lead.layers is not None
        values += list(models[lead.model].metadata[key][lead.layers[0] : lead.layers[1]])
    return values
