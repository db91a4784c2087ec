"""The result of one check of this machine."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check; a warning or failure has a remedy."""

    name: str
    state: State
    found: str
    remedy: str = ""
