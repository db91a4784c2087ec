"""What a checkpoint says about itself: names, licence, parents, settings, as GGUF's `general.*`.

From the front matter of README.md, generation_config.json and the folder's name, by the rules of
llama.cpp's converter, which are in gguf-py. Anything but a short text or a list of them is ignored.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgemed.checkpoints.folder import CARD, SAMPLING
from edgemed.checkpoints.hyper_parameters import Values
from edgemed.errors import EdgemedError
from edgemed.storage.bounded import json_of, read_bounded

LONGEST, MOST = 4096, 1000
"""Characters of a text, and texts of a list."""

ONE = (
    "name", "author", "version", "organization", "finetune", "basename", "description",
    "size_label", "license", "license_name", "license_link", "source_url", "source_doi",
    "source_uuid", "source_repo_url",
)  # fmt: skip
"""Fields of gguf-py's Metadata; in a key the _ after license and source is a dot."""

SETTINGS = {
    "temperature": ("temp", "float32"), "top_k": ("top_k", "int32"), "top_p": ("top_p", "float32"),
    "min_p": ("min_p", "float32"), "repetition_penalty": ("penalty_repeat", "float32"),
}  # fmt: skip
"""Names of generation_config.json, and those after general.sampling."""


def general(folder: Path, config: Mapping[str, Any], weights: int, label: str) -> Values:
    """The keys; `label` is the size if nothing else states it."""
    from gguf.metadata import Metadata  # a second of imports

    card = front_matter(folder / CARD)
    named = {k: v for k, v in config.items() if k == "_name_or_path" and isinstance(v, str)}
    whole = folder.resolve()
    found = Metadata.apply_metadata_heuristic(Metadata(), card, named, whole, weights)
    found.size_label = found.size_label or label
    found.name = found.name or whole.name
    return {**sampling(folder / SAMPLING), **dict(keys_of(found))}


def front_matter(path: Path) -> dict[str, Any]:
    """The texts, and lists of texts, at the start of README.md; nothing if it has none."""
    import yaml

    try:
        text = read_bounded(path, "model card").decode("utf-8")
        head = text.split("\n---", 1)[0].removeprefix("---\n") if text.startswith("---\n") else ""
        tree = yaml.safe_load(head.replace("\t", "  ").replace("- no\n", '- "no"\n'))
    except (EdgemedError, OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}  # a card is for people: its faults do not stop a conversion
    if not isinstance(tree, dict):
        return {}
    return {key: value for key, value in tree.items() if isinstance(key, str) and is_text(value)}


def is_text(value: Any) -> bool:
    """A short text, or a list of them."""
    texts = value if isinstance(value, list) else [value]
    return len(texts) <= MOST and all(isinstance(t, str) and len(t) <= LONGEST for t in texts)


def keys_of(found: Any) -> Iterator[tuple[str, tuple[str, Any]]]:
    """The keys of gguf-py's Metadata."""
    for name in ONE:
        value = getattr(found, name)
        if isinstance(value, list):
            value = ",".join(value)
        if value is not None:
            key = name.replace("license_", "license.").replace("source_", "source.")
            yield f"general.{key.replace('repo.url', 'repo_url')}", ("string", value)
    yield from listed("base_model", found.base_models)
    yield from listed("dataset", found.datasets)
    for key in ("tags", "languages"):
        if getattr(found, key):
            yield f"general.{key}", ("string[]", getattr(found, key))


def listed(word: str, entries: Any) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Parents or data sets, each by its own keys."""
    if entries:
        yield f"general.{word}.count", ("uint32", len(entries))
    for number, entry in enumerate(entries or ()):
        for key, value in entry.items():
            yield f"general.{word}.{number}.{key}", ("string", value)


def sampling(path: Path) -> Values:
    """The publisher's sampling settings."""
    try:
        tree = json_of(read_bounded(path, "file of settings"))
    except (EdgemedError, OSError, ValueError, json.JSONDecodeError):
        return {}  # like a card's, its faults do not stop a conversion
    found: Values = {}
    for name, (key, kind) in SETTINGS.items() if isinstance(tree, dict) else ():
        value = tree.get(name)
        if type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e6:
            found[f"general.sampling.{key}"] = (kind, int(value) if kind == "int32" else value)
    return found
