"""The embedded scale models (a base, a clinical and an instruct model) and the data they learned.

A demonstration built to show what a merge keeps; no output of theirs is for patients.
"""

import json
from pathlib import Path
from typing import Any

DEMO_T = 0.6  # where the demonstration merges; see the card
NAMES = ("base", "clinical", "instruct")


def path_of(name: str) -> Path:
    """The GGUF file of one of NAMES, as it lies in the package."""
    if name not in NAMES:
        raise ValueError(f"no embedded model {name!r}: there are {', '.join(NAMES)}")
    return Path(__file__).with_name(f"{name}.gguf")


def sweep() -> list[dict[str, Any]]:
    """What was measured along the way from the clinical (t = 0) to the instruct model (t = 1).

    One entry a file: `method`, `type`, `t`, `seed` of the training, and `axes` with, by the name of
    the axis, its `mean`, `low`, `high` (95 % bootstrap over items) and number of `items`.
    """
    lines = Path(__file__).with_name("sweep.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]
