"""Finds GGUF files near the top folder of USB sticks and other plugged-in media."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from edgemed.storage.media import media

DEPTH = 2  # levels of folders to search below the top
MOST = 200  # files to list; others can be given by their path


def models_on_media() -> list[Path]:
    """GGUF files on plugged-in media, as far as their folders can be read."""
    found = (file for top in media() for file in gguf_files(top, DEPTH))
    return list(islice(found, MOST))


def gguf_files(folder: Path, depth: int) -> Iterator[Path]:
    """Files that end in .gguf, in a folder and `depth` folders below it; links are not followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_file() and entry.name.lower().endswith(".gguf"):
            yield Path(entry.path)
        elif depth and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from gguf_files(Path(entry.path), depth - 1)
