"""A checkpoint's chat templates: one, or several with names, of which one is `default`."""

import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemed.checkpoints.tokenizers.files import (
    SETTINGS,
    Folder,
    read_json,
    read_text,
    text,
    wrong,
)
from edgemed.errors import InvalidFile
from edgemed.storage.bounded import BYTES

KEY = "chat_template"
TEMPLATE = "chat_template.jinja"
MORE = "additional_chat_templates"
IN_JSON = "chat_template.json"
DEFAULT = "default"

MOST = 100
"""Templates in one folder; published ones have up to five."""

PLAIN = frozenset(string.ascii_letters + string.digits)


def read_templates(folder: Folder) -> dict[str, str]:
    """Name -> template; empty without any. What tokenizer_config.json says wins over files."""
    given = folder.settings.get(KEY)
    path, key = folder.file(SETTINGS), KEY
    if given is None:
        return in_files(folder)
    if isinstance(given, list) and len(given) <= MOST:
        return named(path, given)
    return {DEFAULT: checked(path, key, given)}


def named(path: Path, given: list[Any]) -> dict[str, str]:
    """Templates in a list of {name, template}."""
    found: dict[str, str] = {}
    for entry in given:
        if not isinstance(entry, Mapping):
            wrong(path, KEY, entry, "a table with name and template")
        name = key_of(text(path, f"{KEY}: name", entry.get("name")))
        if not name or name in found:
            wrong(path, f"{KEY}: name", entry.get("name"), "a name of its own")
        found[name] = checked(path, f"{KEY} of {name}", entry.get("template"))
    return found


def in_files(folder: Folder) -> dict[str, str]:
    """Templates in files of their own."""
    usual = read_text(folder.file(TEMPLATE), "chat template")
    if usual is None:
        tree = read_json(folder.file(IN_JSON), SETTINGS) or {}
        given = tree.get(KEY)
        return {} if given is None else {DEFAULT: checked(folder.file(IN_JSON), KEY, given)}
    found = {DEFAULT: checked(folder.file(TEMPLATE), "the template", usual)}
    for path in sorted(folder.file(MORE).glob("*.jinja"))[:MOST]:
        name = key_of(path.stem)
        if name in found:
            wrong(path, "its name", path.stem, "a name of its own")
        found[name] = checked(path, "the template", read_text(path, "chat template"))
    return found


def checked(path: Path, key: str, given: Any) -> str:
    """A template that is no longer than edgemed reads."""
    template = text(path, key, given)
    if len(template.encode()) > BYTES["chat template"]:
        raise InvalidFile(
            f"{path}: {key} is longer than {BYTES['chat template']:,} bytes", "shorten it"
        )
    return template


def key_of(name: str) -> str:
    """A name as a part of a GGUF key: letters, digits and underscores."""
    return "".join(c if c in PLAIN else "_" for c in name[:60])
