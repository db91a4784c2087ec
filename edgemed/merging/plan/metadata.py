"""The output's metadata: the first model's, without what the merge makes untrue.

It is changed for the chosen blocks, the common vocabulary, the chat template, the file type and the
parents (see `provenance`). Reads headers only.
"""

from collections.abc import Sequence
from typing import Any

from edgemed.errors import Incompatible
from edgemed.gguf import SPLIT_KEYS, Model, edit_metadata
from edgemed.gguf.values import encode
from edgemed.merging.parents import chat
from edgemed.merging.parents.chat import ADDED, TEMPLATE, TURNS, TokenizerChoice
from edgemed.merging.parents.vocabulary import TOKENS, Lexicon
from edgemed.merging.plan import provenance
from edgemed.merging.plan.out_types import file_type_of
from edgemed.merging.plan.outline import slice_length
from edgemed.merging.plan.resolved import Resolved, choice_of
from edgemed.merging.plan.steps import Content
from edgemed.merging.recipe.recipe import LIKE_A
from edgemed.quantizing.file_types import QUANTIZATION_VERSION

STALE = (*SPLIT_KEYS, "quantize.", *provenance.OF_THE_FIRST)
"""Prefixes of keys that say who made the first model and how its file was made."""

FILE_TYPE, VERSION = "general.file_type", "general.quantization_version"

Raw = dict[str, bytes]


def output_metadata(asked: Resolved, content: Content) -> tuple[Raw, tuple[str, ...]]:
    """Key -> bytes, and notes for the user."""
    recipe, first, lexicon = asked.recipe, asked.first, asked.lexicon
    every = list(asked.models.values())
    replace = provenance.describe(recipe, every, content.weights, asked.importances)
    if recipe.sliced:
        replace |= block_keys(asked)
    drop = {key for key in first.metadata if key.startswith(STALE)} - replace.keys()
    if recipe.out_type != LIKE_A or recipe.types:
        number = file_type_of(recipe, content.outputs, content.types)
        if number is None:
            drop |= {FILE_TYPE} & set(first.metadata)
        else:
            replace[FILE_TYPE] = ("uint32", number)
    if any(type.block > 1 for type in content.types):
        replace.setdefault(VERSION, ("uint32", QUANTIZATION_VERSION))
    raw = edit_metadata(first.metadata, replace, drop)
    raw = with_vocabulary(raw, asked)
    raw, note = with_chat(raw, every, lexicon, choice_of(recipe))
    return raw, tuple(line for line in (lexicon.note, note) if line)


def with_vocabulary(raw: Raw, asked: Resolved) -> Raw:
    """The tokenizer keys of the vocabulary's host, and what a union changes in them."""
    first, host, lexicon = asked.first, asked.host, asked.lexicon
    if host is not first:
        raw = {k: v for k, v in raw.items() if not k.startswith("tokenizer.")}
        raw |= {k: host.metadata.raw(k) for k in host.metadata if k.startswith("tokenizer.")}
    raw |= {key: encode(kind, value) for key, (kind, value) in lexicon.replace.items()}
    size = f"{first.metadata.get('general.architecture')}.vocab_size"
    if lexicon.orders and size in first.metadata:
        count = len(next(iter(lexicon.orders.values())))
        raw[size] = encode(first.metadata.type_of(size), count)
    return raw


def with_chat(
    raw: Raw, every: Sequence[Model], lexicon: Lexicon, choice: TokenizerChoice
) -> tuple[Raw, str]:
    """The donor's template and turn tokens, by their numbers in the output's vocabulary."""
    donor, note = chat.donor_of(every, choice)
    ours = {k for k in raw if k in (*TURNS, *ADDED) or k.startswith(TEMPLATE)}
    raw = {k: v for k, v in raw.items() if k not in ours or k in donor.metadata}
    for key in donor.metadata:
        if key.startswith(TEMPLATE) or key in ADDED:
            raw[key] = donor.metadata.raw(key)
        elif key in TURNS:
            number = in_output(donor, donor.metadata[key], lexicon)
            raw[key] = encode(donor.metadata.type_of(key), number)
    if choice.template is not None:
        raw[TEMPLATE] = encode("string", choice.template)
    return raw, note


def in_output(model: Model, number: int, lexicon: Lexicon) -> int:
    """The number that a token of `model` has in the output's vocabulary."""
    order = lexicon.orders.get(model.path)
    if order is None:
        return number
    if number not in order:
        token = model.metadata[TOKENS][number]
        raise Incompatible(
            f"the turn token {token!r} of {model.path.name} is not in the output's vocabulary",
            "take the vocabulary of the model whose chat template is used, or a union",
        )
    return order.index(number)


def block_keys(asked: Resolved) -> dict[str, tuple[str, Any]]:
    """The number of blocks, and every list with one value a block, for the chosen blocks."""
    metadata = asked.first.metadata
    arch = metadata["general.architecture"]
    count = f"{arch}.block_count"
    total = sum(slice_length(part) for part in asked.parts)
    replace: dict[str, tuple[str, Any]] = {count: (metadata.type_of(count), total)}
    before = metadata[count]
    for key in metadata:
        is_list = metadata.type_of(key).endswith("[]")
        if key.startswith(f"{arch}.") and is_list and metadata.length_of(key) == before:
            replace[key] = (metadata.type_of(key), block_list(asked, key))
    return replace


def block_list(asked: Resolved, key: str) -> list[Any]:
    """The values of `key` for the blocks of every slice, from the model that leads it."""
    values: list[Any] = []
    for part in asked.parts:
        assert part.lead.layers is not None
        values += list(asked.models[part.lead.model].metadata[key][slice(*part.lead.layers)])
    return values
