"""A user of nobody's: an empty home, an environment without anything that quiets a library."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from edgemed_native import _jit

KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")
OWN = (".cache/edgemed", ".config/edgemed", ".local/share/edgemed", ".local/state/edgemed")


@dataclass(frozen=True, slots=True)
class User:
    """A folder with home, temporary files and work. Kernels keep the place where they are."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def move_in(self) -> "User":
        """Make the folders."""
        for name in ("home", "work", "tmp"):
            (self.folder / name).mkdir(parents=True)
        return self

    def environment(self) -> dict[str, str]:
        """Nothing of the tests' own: onnxruntime, for one, keeps still where CI is set."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return kept | {
            "HOME": str(self.home),
            "TMPDIR": str(self.folder / "tmp"),
            "TERM": "xterm-256color",
            "NUMBA_CACHE_DIR": str(_jit.CACHE.parent),
        }

    def owns(self, path: Path) -> bool:
        """Whether `path` is in one of edgemed's folders."""
        return any(path.is_relative_to(self.home / own) for own in OWN)

    def files(self) -> set[str]:
        """Files in the folder, but for those in edgemed's own."""
        files = (path for path in self.folder.rglob("*") if not path.is_dir())
        return {p.relative_to(self.folder).as_posix() for p in files if not self.owns(p)}


def edgemed(*words: object) -> list[str]:
    """The command line of `edgemed` with `words`."""
    return [sys.executable, "-m", "edgemed.cli.main", *map(str, words)]
