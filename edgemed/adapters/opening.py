"""Opens an adapter of any form: llama.cpp's GGUF file, or PEFT's folder. Never unpickles."""

from pathlib import Path

from edgemed.adapters.forms import folder_of, refuse_pickle
from edgemed.adapters.gguf_changes import open_gguf
from edgemed.adapters.opened import OpenedAdapter
from edgemed.adapters.peft_changes import open_folder
from edgemed.errors import InvalidFile
from edgemed.gguf import Model


def open_adapter(path: Path, model: Model) -> OpenedAdapter:
    """What the adapter at `path` changes in `model`; its headers are read, and no numbers."""
    refuse_pickle(path)
    if not path.exists():
        raise InvalidFile(f"there is no adapter {path}", "name a GGUF adapter, or a PEFT folder")
    folder = folder_of(path)
    return open_gguf(path) if folder is None else open_folder(folder, model)
