"""A Hugging Face checkpoint's folder: how it is recognized, and which files belong to it.

    config.json    model.safetensors, or model.safetensors.index.json and its shards
    tokenizer files, README.md and generation_config.json if there are any

Pickle files are refused and never opened.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemed.checkpoints.safetensors import WEIGHTS, Stored, read_table, shown
from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.storage.names import refuse_odd_name

CONFIG, CARD, SAMPLING = "config.json", "README.md", "generation_config.json"
ONE, INDEX = "model.safetensors", "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
TOKENIZER = (
    "tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json",
)  # fmt: skip
"""Files that a tokenizer may be read from."""

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
SAFE = "save the model again with safe_serialization=True, as safetensors"
WHOLE = "get the whole folder again: config.json, the tokenizer and every .safetensors file"

Tables = Mapping[Path, Mapping[str, Stored]]
"""The table of every file of weights."""


def checkpoint_folder(path: Path) -> Path | None:
    """The folder that `path` names, by itself or by a file in it; None if it is another file.

    Refused for a pickle file.
    """
    refuse_odd_name(path)
    if path.is_dir():
        return path
    if path.suffix.lower() in PICKLES:
        refuse_pickle(path)
    found = path.suffix == ".safetensors" or path.name in (CONFIG, INDEX)
    return path.parent if found else None


def is_checkpoint(path: Path) -> bool:
    """Whether `path` names a checkpoint, and not the folder of an adapter."""
    folder = None if path.suffix.lower() in PICKLES else checkpoint_folder(path)
    return folder is not None and (folder / CONFIG).exists() and not (folder / ADAPTER).exists()


def refuse_pickle(path: Path) -> None:
    """Refused: a pickle file can run any program when it is opened."""
    raise Refused(f"{path} is a pickle file, which can run any program when it is opened", SAFE)


def read_json(path: Path, kind: str = "file of settings") -> dict[str, Any]:
    """A JSON object; InvalidFile if the file holds anything else."""
    try:
        tree = json_of(read_bounded(path, kind))
    except (ValueError, OSError) as error:
        if isinstance(error, EdgemedError):
            raise
        raise InvalidFile(f"{path}: it is not JSON ({error})", WHOLE) from None
    if not isinstance(tree, dict):
        raise InvalidFile(f"{path}: it is not a JSON object", WHOLE)
    return tree


def read_config(folder: Path) -> dict[str, Any]:
    """config.json; InvalidFile if there is none."""
    refuse_odd_name(folder)
    if (folder / CONFIG).is_file():
        return read_json(folder / CONFIG)
    if (folder / ADAPTER).is_file():
        raise InvalidFile(
            f"{folder} is the folder of an adapter, not of a model",
            f"name the model first: MODEL+{folder.name}",
        )
    raise InvalidFile(f"{folder} has no {CONFIG}: it is not the folder of a checkpoint", WHOLE)


def weight_tables(folder: Path) -> Tables:
    """The tables of all files of weights; InvalidFile if one is missing or not as listed."""
    if (folder / INDEX).is_file():
        return listed(folder, read_json(folder / INDEX, "index of shards"))
    if (folder / ONE).is_file():
        return {folder / ONE: read_table(folder / ONE)}
    pickled = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICKLES)
    if pickled:
        refuse_pickle(pickled[0])
    raise InvalidFile(f"{folder} has neither {ONE} nor {INDEX}", WHOLE)


def listed(folder: Path, index: Mapping[str, Any]) -> Tables:
    """The shards that the index lists; each tensor must be where it says, and no other there."""
    places = index.get("weight_map")
    if not isinstance(places, dict) or not places:
        raise InvalidFile(f"{folder / INDEX} lists no weights", WHOLE)
    names = {name for name in places.values() if isinstance(name, str)}
    odd = next((n for n in places.values() if not isinstance(n, str) or Path(n).name != n), None)
    if odd is not None:
        raise InvalidFile(f"{folder / INDEX}: {shown(str(odd))} is not the name of a file", WHOLE)
    missing = sorted(name for name in names if not (folder / name).is_file())
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise InvalidFile(f"{folder}: the shard {shown(missing[0])}{more} is missing", WHOLE)
    tables = {folder / name: read_table(folder / name) for name in sorted(names)}
    found = {name: path.name for path, table in tables.items() for name in table}
    wrong = sorted(
        name for name in places.keys() | found.keys() if places.get(name) != found.get(name)
    )
    if wrong or sum(map(len, tables.values())) != len(found):
        what = shown(wrong[0]) if wrong else "a tensor in two files"
        raise InvalidFile(f"{folder / INDEX} and the shards do not agree about {what}", WHOLE)
    return tables


def files_beside(folder: Path) -> tuple[Path, ...]:
    """The files besides the weights that a conversion reads, config.json first."""
    names = (CONFIG, INDEX, SAMPLING, CARD, *TOKENIZER)
    return tuple(folder / name for name in names if (folder / name).is_file())


def usual_type(folder: Path) -> str:
    """The type that most bytes of the weights have, as ggml calls it."""
    read_config(folder)
    count: dict[str, int] = {}
    for table in weight_tables(folder).values():
        for stored in table.values():
            count[stored.dtype] = count.get(stored.dtype, 0) + stored.nbytes
    usable = {name: size for name, size in count.items() if name in WEIGHTS}
    return max(usable, key=lambda name: usable[name], default="F32")
