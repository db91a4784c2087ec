"""The card of an adapter: a JSON file beside it. It holds no text of an example."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemed import __version__
from edgemed.training.encoded import Data
from edgemed.training.schedule import RunSettings

if TYPE_CHECKING:
    from edgemed.training.adapt import Training


LATER = ("rslora", "dora", "shots", "bf16")
"""Settings that a run of an earlier version did not have: without them its name stays."""


@dataclass(frozen=True, slots=True)
class Base:
    """The model file that was adapted."""

    path: Path
    sha256: str


def place(out: Path) -> Path:
    """The path of the card of `out`."""
    return out.with_name(out.name + ".json")


def run_name(base: Base, mark: str, settings: RunSettings) -> str:
    """Names a run: the same base, data and settings give the same adapter."""
    named = {k: v for k, v in asdict(settings).items() if v or k not in LATER}
    said = json.dumps([base.sha256, mark, named], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def card(
    base: Base, data: Data, mark: str, training: "Training", weights: bytes, threads: int
) -> dict[str, Any]:
    """The card; `mark` is the keyed hash of the data, `weights` the file that holds the adapter's,
    and losses are means of an answer's token."""
    state, rows = training.state, data.rows
    return {
        "made_by": f"edgemed {__version__}",
        "adapter_sha256": hashlib.sha256(weights).hexdigest(),
        "base": {"file": base.path.name, "sha256": base.sha256},
        "data": {
            "mark": mark,
            "learned_from": len(training.learned),
            "held_out": len(training.held),
            "left_out": data.left_out,
            "longest": data.longest,
            "tokens": sum(len(row.ids) for row in rows),
            "answer_tokens": sum(row.answer for row in rows),
            **data.about,
        },
        "settings": asdict(training.settings)
        | {"threads": threads, "device": training.model.placing.device.type},
        "matrices": len(training.paths),
        "curve": [asdict(point) for point in state.curve],
        "steps": {"planned": len(training.batches), "done": state.step, "best": state.best},
    }


def as_json(made: dict[str, Any]) -> bytes:
    """The card as it is written."""
    return (json.dumps(made, indent=2, allow_nan=False) + "\n").encode()
