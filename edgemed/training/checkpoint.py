"""The state of a stopped run in a file: numbers only, no text or token of an example.

A file of numpy's npz form, without pickles; `about` in it is JSON.
"""

import io
import json
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edgemed.adapters.adapter import F32
from edgemed.errors import InvalidFile, Refused
from edgemed.storage.whole import in_words, write_whole
from edgemed.training.adapt import CurvePoint, TrainingState

ARRAYS = ("weights", "first", "second", "best_weights")
AGAIN = "give the same files and options, or start over and replace what is there"


def place(out: Path) -> Path:
    """The path of the state of the run for `out`."""
    return out.with_name(out.name + ".progress")


def save(path: Path, run: str, state: TrainingState) -> None:
    """Write `state` of the run that `run` names."""
    without = replace(state, weights=[], first=[], second=[], best_weights=[])  # asdict() copies
    plain = {k: v for k, v in asdict(without).items() if k not in ARRAYS}
    about = json.dumps({"run": run, "state": plain}).encode()
    arrays = {f"{kind}.{i}": a for kind in ARRAYS for i, a in enumerate(getattr(state, kind))}
    memory = io.BytesIO()
    np.savez(memory, allow_pickle=False, about=np.frombuffer(about, np.uint8), **arrays)
    with in_words(path):
        write_whole(path, memory.getvalue())


def load(path: Path, run: str) -> TrainingState:
    """The state in `path`. Refused if it belongs to another run."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            if about["run"] != run:
                raise Refused(f"{path} belongs to another run: files or options differ", AGAIN)
            state = TrainingState(**about["state"])
            state.curve = [CurvePoint(**point) for point in about["state"]["curve"]]
            for kind in ARRAYS:
                setattr(state, kind, _list(file, kind))
            return state
    except FileNotFoundError:
        raise Refused(
            f"there is no {path} to resume from", "start over instead of resuming"
        ) from None
    except (
        OSError, ValueError, KeyError, TypeError, BadZipFile, EOFError, MemoryError,
        RecursionError, NotImplementedError, zlib.error,
    ) as error:  # fmt: skip
        raise InvalidFile(f"{path} cannot be read: {type(error).__name__}", AGAIN) from None


def _list(file: "np.lib.npyio.NpzFile", kind: str) -> list[F32]:
    count = sum(name.startswith(f"{kind}.") for name in file.files)
    return [file[f"{kind}.{i}"] for i in range(count)]
