"""Writes into the output where it comes from: parents, licences, the recipe, and their hashes.

`general.base_model.*` names the parents as llama.cpp's converter does; `edgemed.merge.*`, or
`edgemed.quantize.*`, has all that is needed to make the file again. No path of this machine is
recorded, only names, so the same recipe gives the same bytes everywhere. Hashes are known when the
work is done: until then they are zeros.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemed_native.encoders import VERSION as ENCODERS

from edgemed import __version__
from edgemed.adapters.naming import Adapted, Parent, Use, input_paths
from edgemed.checkpoints.folder import is_checkpoint
from edgemed.errors import InvalidFile
from edgemed.gguf import Metadata, Model
from edgemed.gguf.values import encode
from edgemed.merging.parents.opening import files_of
from edgemed.merging.plan.keys import MERGE, MERGE_PREFIX, QUANTIZE_PREFIX, KeySet, last_record
from edgemed.merging.recipe.recipe import Recipe, Slice, Source, normal_form, parent_from
from edgemed.merging.recipe.settings import Filter, Setting
from edgemed.quantizing.imatrix import Importances, keys_of
from edgemed.storage.bounded import json_of

Keys = dict[str, tuple[str, Any]]

UUID = "general.uuid"

UNKNOWN = "0" * 64

OF_THE_FIRST = (
    "general.author",
    "general.version",
    "general.organization",
    "general.finetune",
    "general.basename",
    "general.description",
    "general.quantized_by",
    "general.doi",
    "general.url",
    "general.repo_url",
    "general.uuid",
    "general.source.",
    "general.base_model.",
    "general.dataset",
    "general.license",
    MERGE_PREFIX,
    QUANTIZE_PREFIX,
)
"""Prefixes of keys that describe the first model, not the merge."""

OF_A_PARENT = (
    "name", "author", "version", "organization", "description", "url", "doi", "uuid", "repo_url",
    "license", "license.name", "license.link",
)  # fmt: skip
"""What is kept of every parent, under `general.base_model.N.`; licences are edgemed's addition."""


def describe(
    recipe: Recipe, models: Sequence[Model], weights: int, importances: Importances | None
) -> Keys:
    """All keys about parents and making, in the recipe's order of models; `weights` written."""
    return {
        "general.name": ("string", " + ".join(title(m) for m in models) + f" ({recipe.method})"),
        "general.size_label": ("string", size_label(models[0], weights)),
        **licence(models),
        **parents(models),
        **making(MERGE, recipe, models, importances),
    }


def making(
    record: KeySet, recipe: Recipe, models: Sequence[Model], importances: Importances | None
) -> Keys:
    """All keys about making, with zeros for what waits for the inputs' hashes."""
    columns = {} if importances is None else importance_keys(record, recipe, importances)
    names, text = names_of(inputs_of(recipe)), recipe_text(recipe)
    files = [path.name for path in files_of(models)]
    return {
        record.version: ("string", __version__),
        record.recipe: ("string", text),
        record.recipe_sha256: ("string", sha256(text)),
        record.inputs: ("string[]", list(names.values())),
        record.files: ("string[]", files),
        record.encoder_version: ("uint32", ENCODERS),
        record.seed: ("uint64", recipe.seed),
        **columns,
        **signature(record, text, [UNKNOWN] * len(files)),
    }


def importance_keys(record: KeySet, recipe: Recipe, importances: Importances) -> Keys:
    """The importance matrices, by name and hash, and what llama.cpp notes of them."""
    return {
        record.imatrix: ("string[]", list(names_of(recipe.imatrix).values())),
        record.imatrix_sha256: ("string[]", list(importances.sha256)),
        **keys_of(importances),
    }


def signature(record: KeySet, recipe: str, hashes: Sequence[str], columns: bytes = b"") -> Keys:
    """The keys that wait for the inputs' hashes, always of one length; with the uuid that follows
    from them if the output is a different model than its inputs.

    `columns` is the raw value of the importance matrices' hashes.
    """
    text = "\n".join([recipe, str(ENCODERS), *hashes])
    digest = hashlib.sha256(text.encode() + columns).digest()
    keys: Keys = {record.files_sha256: ("string[]", list(hashes))}
    if record == MERGE:
        keys = {UUID: ("string", str(uuid.UUID(bytes=digest[:16], version=5))), **keys}
    return keys


def signed(metadata: Mapping[str, bytes], hashes: Sequence[str]) -> dict[str, bytes]:
    """The signature's keys as bytes, for metadata that was planned with `making`."""
    record = last_record(metadata)
    text = str(metadata[record.recipe][12:], "utf-8", "surrogateescape")
    keys = signature(record, text, hashes, bytes(metadata.get(record.imatrix_sha256, b"")))
    return {key: encode(kind, value) for key, (kind, value) in keys.items()}


def names_of(paths: Sequence[Path]) -> dict[Path, str]:
    """A name for every model: its file's, with its number where two files have one name."""
    names = [name_of(path) for path in paths]
    return {
        path: name if names.count(name) == 1 else f"{number}/{name}"
        for number, (path, name) in enumerate(zip(paths, names, strict=True), 1)
    }


def name_of(path: Path) -> str:
    """A file's name; the folder's where a checkpoint is named by a file in it, or by a dot."""
    folder = path.parent if is_checkpoint(path) and path.is_file() else path
    return folder.name or folder.resolve().name


def inputs_of(recipe: Recipe) -> list[Path]:
    """Every model and adapter once, in the order of the recipe."""
    return list(dict.fromkeys(path for parent in recipe.models for path in input_paths(parent)))


def recipe_text(recipe: Recipe) -> str:
    """The recipe's normal form as JSON, with names for the models instead of paths."""
    names = {path: Path(name) for path, name in names_of(inputs_of(recipe)).items()}
    columns = tuple(map(Path, names_of(recipe.imatrix).values()))
    form = normal_form(replace(with_paths(recipe, names), imatrix=columns))
    return json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def with_paths(recipe: Recipe, paths: Mapping[Path, Path]) -> Recipe:
    """The same recipe of models and adapters at other paths."""

    def moved(parent: Parent) -> Parent:
        if isinstance(parent, Adapted):
            uses = tuple(Use(paths[use.path], use.strength) for use in parent.uses)
            return Adapted(paths[parent.model], uses)
        return paths[parent]

    def moved_slice(part: Slice) -> Slice:
        sources = tuple(replace(source, model=moved(source.model)) for source in part.sources)
        base = None if part.base is None else moved(part.base)
        return replace(part, sources=sources, base=base)

    tokenizer = recipe.tokenizer
    if tokenizer is not None and Path(tokenizer) in paths:
        tokenizer = str(paths[Path(tokenizer)])
    slices = tuple(moved_slice(part) for part in recipe.slices)
    base = None if recipe.base is None else moved(recipe.base)
    return replace(recipe, slices=slices, base=base, tokenizer=tokenizer)


def recipe_from(metadata: Metadata, record: KeySet = MERGE) -> Recipe:
    """The recipe in a file, its models by name; InvalidFile if it was changed."""
    text = metadata[record.recipe]
    if sha256(text) != metadata.get(record.recipe_sha256):
        raise InvalidFile(
            "the recipe in the file does not match its hash",
            "the file's metadata was changed after it was made; get the file again from its source",
        )
    try:
        form = json_of(text)
    except ValueError as error:
        raise InvalidFile(f"the recipe in the file: {error}", "edgemed did not write it") from None
    slices = tuple(slice_from(part) for part in form["slices"])
    return Recipe(
        form["merge_method"],
        slices,
        base_from(form["base_model"]),
        settings_from(form["parameters"]),
        form["out_type"],
        tuple((part, name) for part, name in form["types"]),
        form["tokenizer"],
        form["chat_template"],
        form["seed"],
        tuple(map(Path, form.get("imatrix", ()))),
    )


def slice_from(form: Any) -> Slice:
    """One slice from its normal form."""
    sources = tuple(
        Source(
            parent_from(source["model"]),
            tuple(source["layer_range"]) if source["layer_range"] else None,
            settings_from(source["parameters"]),
        )
        for source in form["sources"]
    )
    return Slice(sources, settings_from(form["parameters"]), base_from(form["base_model"]))


def base_from(form: Any) -> Parent | None:
    return None if form is None else parent_from(form)


def settings_from(form: Mapping[str, Any]) -> dict[str, Setting]:
    """Settings from their normal form."""
    return {key: setting_from(value) for key, value in form.items()}


def setting_from(value: Any) -> Setting:
    """A value, a gradient or filters."""
    if not isinstance(value, list):
        setting: Setting = value
        return setting
    if value and isinstance(value[0], dict):
        return tuple(Filter(item["filter"], setting_from(item["value"])) for item in value)  # type: ignore[arg-type]
    return tuple(value)


def title(model: Model) -> str:
    """What a model calls itself, else its file; with its adapters."""
    own = str(model.metadata.get("general.name") or model.path.stem)
    return " + ".join([own, *(laid.name for laid in model.adapters)])


def parents(models: Sequence[Model]) -> Keys:
    """`general.base_model.*`: what every parent says of itself, its file's name at least."""
    keys: Keys = {"general.base_model.count": ("uint32", len(models))}
    for number, model in enumerate(models):
        stated = {k: model.metadata.get(f"general.{k}") for k in OF_A_PARENT}
        stated["name"] = title(model)
        for key, value in stated.items():
            if isinstance(value, str) and value:
                keys[f"general.base_model.{number}.{key}"] = ("string", value)
    return keys


def licence(models: Sequence[Model]) -> Keys:
    """All parents' licences at once; nothing where a parent states none."""
    stated = [model.metadata.text("general.license") for model in models]
    words = list(dict.fromkeys(str(word) for word in stated if word))
    if not words or not all(stated):
        return {}
    keys: Keys = {"general.license": ("string", " AND ".join(words))}
    if len(words) == 1:
        for key in ("general.license.name", "general.license.link"):
            if key in models[0].metadata:
                keys[key] = ("string", models[0].metadata[key])
    return keys


def size_label(first: Model, weights: int) -> str:
    """The first model's label where it has as many weights, else a new one: 8.0B, 260K."""
    stated = first.metadata.get("general.size_label")
    return str(stated) if stated and weights == first.weights else weights_label(weights)


def weights_label(weights: int) -> str:
    """Two digits at least, and a letter."""
    scale, letter = next(
        (s, x)
        for s, x in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
        if weights > s or x == "K"
    )
    number = weights / scale
    return f"{number:.{max(2 - len(str(round(number)).lstrip('0')), 0)}f}{letter}"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
