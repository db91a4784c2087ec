"""Opens an adapter of any form: llama.cpp's GGUF file, or PEFT's folder. Never unpickles."""

from pathlib import Path

from edgemed.adapters.found import Found
from edgemed.adapters.gguf_changes import open_gguf
from edgemed.adapters.peft_changes import WEIGHTS, open_folder
from edgemed.adapters.peft_config import CONFIG
from edgemed.errors import Refused
from edgemed.gguf import Model

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


def open_adapter(path: Path, model: Model) -> Found:
    """What the adapter at `path` changes in `model`; its headers are read, and no numbers."""
    refuse_pickle(path)
    folder = folder_of(path)
    return open_gguf(path) if folder is None else open_folder(folder, model)


def folder_of(path: Path) -> Path | None:
    """The PEFT folder, given by its name or by a file in it; None for a GGUF file."""
    if path.is_dir():
        return path
    return path.parent if path.name in (CONFIG, WEIGHTS) else None


def adapter_files(path: Path) -> tuple[Path, ...] | None:
    """The files of a PEFT folder; None where `path` is none."""
    folder = folder_of(path)
    return None if folder is None else (folder / CONFIG, folder / WEIGHTS)


def refuse_pickle(path: Path) -> None:
    """Refused: a pickle file can run any code when it is opened."""
    if path.suffix.lower() in PICKLES and not path.is_dir():
        raise Refused(
            f"{path.name} is a pickle file, which can run any program when it is opened",
            "save the adapter again as adapter_model.safetensors, or convert it to GGUF",
        )
