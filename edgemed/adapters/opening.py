"""Opens an adapter of any form: llama.cpp's GGUF file, or PEFT's folder. Never unpickles."""

from pathlib import Path

from edgemed.adapters.found import Found
from edgemed.adapters.gguf_changes import open_gguf
from edgemed.errors import InvalidFile, Refused
from edgemed.gguf import Model

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


def open_adapter(path: Path, model: Model) -> Found:
    """What the adapter at `path` changes in `model`; its headers are read, and no numbers."""
    refuse_pickle(path)
    if path.is_dir() or path.suffix.lower() in (".safetensors", ".json"):
        raise InvalidFile(f"{path} is no GGUF adapter", "convert it")
    return open_gguf(path)


def refuse_pickle(path: Path) -> None:
    """Refused: such a file is a program, which whoever made it would run here."""
    if path.suffix.lower() in PICKLES and not path.is_dir():
        raise Refused(
            f"{path.name} is a pickle file, which can run any program when it is opened",
            "save the adapter again as adapter_model.safetensors, or convert it to GGUF",
        )
