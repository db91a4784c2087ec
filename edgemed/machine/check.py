"""What came of looking at one thing of this machine."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; a warning or failure carries its remedy."""

    name: str
    state: State
    found: str
    remedy: str = ""
