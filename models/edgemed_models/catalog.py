"""Model cards: pairs of public models of one architecture that a clinic can merge.

Facts come from the models' own public pages; none of these models was tried by this project, and
each card says so. The files themselves are the user's to get, under their makers' terms.
"""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """One public model: where it is found, its licence, and terms beyond the licence."""

    source: str
    licence: str
    terms: str


@dataclass(frozen=True, slots=True)
class Card:
    """An instruct model and a clinical model that share architecture, sizes and vocabulary."""

    name: str
    weights: str
    architecture: str
    instruct: Source
    clinical: Source
    file_types: tuple[str, ...]
    note: str


def read_cards() -> list[Card]:
    """Every card in the package, smallest model first."""
    folder = resources.files("edgemed_models") / "cards"
    files = [f for f in folder.iterdir() if f.name.endswith(".toml")]
    found = [(tomllib.loads(f.read_text(encoding="utf-8")), f.name) for f in files]
    ordered = sorted(found, key=lambda item: (item[0]["billions"], item[1]))
    return [card(name.removesuffix(".toml"), table) for table, name in ordered]


def card(name: str, table: dict[str, Any]) -> Card:
    """A card from its table; KeyError or TypeError where one is not whole."""
    return Card(
        name=name,
        weights=f"{table['billions']}B",
        architecture=table["architecture"],
        instruct=Source(**table["instruct"]),
        clinical=Source(**table["clinical"]),
        file_types=tuple(table["file_types"]),
        note=table["note"],
    )
