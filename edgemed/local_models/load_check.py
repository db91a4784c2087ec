"""The last check before a new file gets its name or a model is added: llama.cpp opens it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgemed_models.base import ModelError

from edgemed.errors import EdgemedError, Refused
from edgemed.gguf import printable

if TYPE_CHECKING:
    from edgemed_models.engine.load_check import LoadCheck

WITHOUT = "skip this check"

LONG = 500_000_000
"""From this many weights on, writing takes longer than llama.cpp takes to start, so the header is
tried before the work."""


class Opener:
    """Asks llama.cpp whether it can open files; without a process, every file passes."""

    def __init__(self, process: "LoadCheck | None") -> None:
        self._process = process

    def refuse_early(self, paths: Sequence[Path], name: str, weights: int) -> bool:
        """`refuse_unloadable` before the work, if it has so many `weights` that it takes long;
        returns whether it ran. The process then ends, and takes no memory from the work."""
        if self._process is None or weights <= LONG:
            return False
        self.refuse_unloadable(paths, name)
        self._process.end()
        return True

    def refuse_unloadable(
        self, paths: Sequence[Path], name: str, error: type[EdgemedError] = EdgemedError
    ) -> None:
        """Raise `error` with llama.cpp's reason if it cannot open a model's files (in order)."""
        if self._process is None:
            return
        try:
            reason = self._process.refusal([str(path.resolve()) for path in paths])
        except ModelError as failure:
            message = f"llama.cpp could not check {name}: {failure.message}"
            raise EdgemedError(message, WITHOUT) from None
        if reason is None:
            return
        if "unknown model architecture" in reason:
            raise error(
                f"the installed llama.cpp does not know the architecture of {name}: "
                f"{printable(reason)}",
                WITHOUT,
            )
        raise error(
            f"llama.cpp does not load {name}: {printable(reason)}",
            "no file was written or added; `edgemed inspect FILE` shows a model's header",
        )


@contextmanager
def opener(wanted: bool) -> Iterator[Opener]:
    """An Opener whose process loads its libraries while the caller works; idle unless `wanted`."""
    if not wanted:
        yield Opener(None)
        return
    from edgemed_models.engine.load_check import LoadCheck  # a dry run needs no process

    try:
        process = LoadCheck()
    except ModelError as error:
        raise EdgemedError(error.message, error.hint) from None
    try:
        yield Opener(process)
    finally:
        process.end()


def refuse_unloadable(paths: Sequence[Path], name: str) -> None:
    """Raise Refused if llama.cpp cannot open a model that is to be added."""
    with opener(True) as asked:
        asked.refuse_unloadable(paths, name, Refused)
