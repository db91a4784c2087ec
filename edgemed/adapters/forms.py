"""The forms that an adapter comes in: llama.cpp's GGUF file, and PEFT's folder of two files."""

from pathlib import Path

from edgemed.errors import Refused
from edgemed.gguf import open_model
from edgemed.storage.names import refuse_odd_name

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""The two files of a PEFT folder."""
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


def is_adapter(path: Path) -> bool:
    """Whether a PEFT folder, or a GGUF file that says it is an adapter; Refused for a pickle."""
    refuse_pickle(path)
    if folder_of(path) is not None:
        return True
    return open_model(path).metadata.get("general.type") == "adapter"


def folder_of(path: Path) -> Path | None:
    """The PEFT folder, given by its name or by a file in it; None for a GGUF file."""
    refuse_odd_name(path)
    if path.is_dir():
        return path
    return path.parent if path.name in (CONFIG, WEIGHTS) else None


def adapter_files(path: Path) -> tuple[Path, ...] | None:
    """The files of a PEFT folder; None if `path` is not one."""
    folder = folder_of(path)
    return None if folder is None else (folder / CONFIG, folder / WEIGHTS)


def refuse_pickle(path: Path) -> None:
    """Refused: a pickle file can run any code when it is opened."""
    refuse_odd_name(path)
    if path.suffix.lower() in PICKLES and not path.is_dir():
        raise Refused(
            f"{path.name} is a pickle file, which can run any program when it is opened",
            "save the adapter again as adapter_model.safetensors, or convert it to GGUF",
        )
