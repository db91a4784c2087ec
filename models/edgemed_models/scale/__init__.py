"""The embedded scale models (a base, a clinical and an instruct model) and their training data.

A demonstration of what a merge keeps; none of their output is for patients.
"""

import json
from pathlib import Path
from typing import Any

DEMO_T = 0.6  # t of the demonstration's merge; see CARD.md
NAMES = ("base", "clinical", "instruct")


def path_of(name: str) -> Path:
    """The packaged GGUF file of one of NAMES."""
    if name not in NAMES:
        raise ValueError(f"no embedded model {name!r}: there are {', '.join(NAMES)}")
    return Path(__file__).with_name(f"{name}.gguf")


def sweep() -> list[dict[str, Any]]:
    """The scores of merges between the clinical (t = 0) and the instruct model (t = 1).

    One entry per file: `method`, `type`, `t`, `seed` of the training, and `axes`, which gives for
    each axis its `mean`, `low`, `high` (95 % bootstrap over items) and number of `items`.
    """
    lines = Path(__file__).with_name("sweep.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]
