"""The embedded scale models (a base, a clinical and an instruct model) and the data they learned.

A demonstration built to show what a merge keeps; no output of theirs is for patients.
"""

from pathlib import Path

DEMO_T = 0.5  # where the demonstration merges; see the card
NAMES = ("base", "clinical", "instruct")


def path_of(name: str) -> Path:
    """The GGUF file of one of NAMES, as it lies in the package."""
    if name not in NAMES:
        raise ValueError(f"no embedded model {name!r}: there are {', '.join(NAMES)}")
    return Path(__file__).with_name(f"{name}.gguf")
