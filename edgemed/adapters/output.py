"""Writes an adapter in the form that the output's name asks for: NAME.gguf, else a PEFT folder."""

from collections.abc import Mapping
from pathlib import Path

from edgemed.adapters.adapter import Adapter
from edgemed.adapters.gguf_form import adapter_bytes
from edgemed.adapters.peft_form import folder_files, write_folder
from edgemed.errors import Refused
from edgemed.gguf import Model
from edgemed.storage.place import refuse_place
from edgemed.storage.whole import in_words, write_whole

FORMS = "NAME.gguf for llama.cpp's form, any other name for a PEFT folder"


def is_gguf(out: Path) -> bool:
    """Whether the adapter is to be a GGUF file, else a PEFT folder."""
    return out.suffix.lower() == ".gguf"


def refuse_output(out: Path, replace: bool) -> None:
    """Refused if nothing can be written at `out`. A file may be replaced, a folder never."""
    if not is_gguf(out) and out.is_dir() and not out.is_symlink():
        raise Refused(f"{out} exists already", "a folder is not replaced: choose another name")
    if is_gguf(out):
        refuse_place(out, replace)
    else:
        refuse_place(out, False, force="")


def files_of(out: Path, adapter: Adapter, model: Model, stored: str = "F32") -> dict[str, bytes]:
    """The files of the adapter, by name: one for GGUF, two for a folder, the weights first.

    `stored` is the type of the numbers in a GGUF file; a folder has float32.
    """
    if is_gguf(out):
        return {out.name: adapter_bytes(adapter, stored)}
    return folder_files(adapter, model)


def write_files(out: Path, files: Mapping[str, bytes]) -> None:
    """Write what `files_of` gave, whole or not at all."""
    if is_gguf(out):
        with in_words(out):
            write_whole(out, files[out.name])
    else:
        write_folder(out, files)
