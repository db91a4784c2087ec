"""Puts a trained partner into the package: adapter in F16, its card, its hash in the model's card.

    python -m models.partner.ship FOLDER --figures FIGURES.jsonl --t 0.5

FOLDER is what models.partner.train wrote. Figures are lines of models.partner.measure. The card
states the training data and their licence, settings, results, and what it must not be used for.
"""

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import edgemed_models

from edgemed.adapters.adapter import Adapter
from edgemed.adapters.gguf_form import adapter_bytes, read_adapter
from edgemed.storage.whole import write_whole

NAME = "smollm2-135m-clinical"
PACKAGE = Path(edgemed_models.__file__).parent
LARGEST = 12_000_000  # bytes
LICENCE = "Apache-2.0 (as the model's); learned from data under CC BY 4.0, named in `learned_from`"
NOT_FOR = (
    "patients, and any draft that somebody will rely on: it is a demonstration",
    "other models than the one whose hash is in `base`",
    "judging how good larger clinical models are",
)


def shipped(work: Path) -> bytes:
    """The adapter as it ships."""
    found = read_adapter(work / "partner.gguf")
    sources = " and ".join(about["source"] for about in read_json(work / "rows.json").values())
    about = {**found.about, "licence": LICENCE, "learned_from": sources, "not_for": NOT_FOR[0]}
    whole = adapter_bytes(Adapter(found.architecture, found.pairs, about), "F16")
    if len(whole) > LARGEST:
        raise SystemExit(f"the adapter has {len(whole):,} bytes, at most {LARGEST:,} are shipped")
    return whole


def card(work: Path, adapter: bytes, figures: Path | None, t: float) -> dict[str, Any]:
    """The card: the run's own, with sources, figures and what it must not be used for."""
    run = read_json(work / "partner.gguf.json")
    lines = figures.read_text().splitlines() if figures else []
    return run | {
        "adapter_sha256": hashlib.sha256(adapter).hexdigest(),
        "licence": LICENCE,
        "learned_from": read_json(work / "rows.json"),
        "figures": [json.loads(line) for line in lines],
        "merged_at_t": t,
        "must_not_be_used_for": list(NOT_FOR),
    }


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object."""
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return table


def with_partner(text: str, sha256: str, t: float) -> str:
    """The model's card with the partner of this hash instead of an earlier one."""
    text = re.sub(r"(?s)\n\[partner\].*?(?=\n\[|\Z)", "", text).rstrip("\n")
    text = re.sub(r"(?m)^t = .*\n", "", text)
    partner = f'[partner]\nfile = "{NAME}.gguf"\nsha256 = "{sha256}"\nout_type = "Q8_0"\n'
    return f"t = {t:g}\n{text}\n\n{partner}"


def main(words: list[str] | None = None) -> int:
    """Write the three files."""
    parser = argparse.ArgumentParser(prog="models.partner.ship", description=__doc__)
    parser.add_argument("work", type=Path, metavar="FOLDER")
    parser.add_argument("--figures", type=Path, metavar="FILE")
    parser.add_argument("--t", type=float, required=True, metavar="T")
    args = parser.parse_args(words)
    adapter = shipped(args.work)
    made = card(args.work, adapter, args.figures, args.t)
    folder, model = PACKAGE / "partners", PACKAGE / "cards" / "smollm2-135m.toml"
    folder.mkdir(exist_ok=True)
    write_whole(folder / f"{NAME}.gguf", adapter)
    write_whole(folder / f"{NAME}.json", (json.dumps(made, indent=2) + "\n").encode())
    text = with_partner(model.read_text(encoding="utf-8"), made["adapter_sha256"], args.t)
    write_whole(model, text.encode())
    for path in (folder / f"{NAME}.gguf", folder / f"{NAME}.json", model):
        path.chmod(0o644)  # they are the package's, for everybody
    print(f"{NAME}.gguf: {len(adapter):,} bytes, sha256 {made['adapter_sha256']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
