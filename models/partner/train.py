"""Trains the clinical partner of SmolLM2-135M-Instruct: public dialogues through `edgemed adapt`.

    python -m models.partner.train MODEL.gguf --data ../shared/data/clinical --work FOLDER

Writes FOLDER/examples.jsonl (dialogues of the sets: keep it out of any repository), says how many
rows were kept, cut and left out, then runs `edgemed adapt` on it; a second call continues after a
stop. The adapter is FOLDER/partner.gguf, its card beside it. With --full all weights are
trained instead, to a model FOLDER/full.gguf in F32, for experiments: it is not shipped.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from edgemed_models.engine.settings import EngineSettings

from edgemed.cli.main import main as edgemed
from edgemed.local_models.loading import start
from edgemed.storage.whole import write_whole
from edgemed.training.checkpoint import place
from models.partner.examples import Chosen, choose, write
from models.partner.rows import MAPPING, SETS, read_rows

SETTINGS = ("--rank", "16", "--matrices", "all", "--epochs", "1", "--rate", "6e-4")


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="models.partner.train", description=__doc__)
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL")
    add("--data", type=Path, required=True, metavar="FOLDER")
    add("--work", type=Path, required=True, metavar="FOLDER")
    add("--longest", type=int, default=2000, metavar="N", help="tokens of an MTS-Dialog row")
    add("--longest-visit", type=int, default=5000, metavar="N", help="of an ACI-Bench row")
    add("--batch-tokens", default="5000", metavar="N")
    add("--held-out", default="0.03", metavar="X")
    add("--threads", default="1", metavar="N")
    add("--compute", default="float32", help="float32, or bf16 where the processor supports it")
    add("--full", action="store_true", help="train all weights, in F32, instead of an adapter")
    return parser.parse_args(words)


def chosen(args: argparse.Namespace) -> dict[str, Chosen]:
    """The rows of each set to learn from."""
    longest = dict(zip(SETS, (args.longest, args.longest_visit), strict=True))
    settings = EngineSettings(str(args.model.resolve()), context=0, threads=1, vocab_only=True)
    model = start(settings)
    try:
        return {s: choose(model, read_rows(args.data, s, "training"), longest[s]) for s in SETS}
    finally:
        model.close()


def about(found: dict[str, Chosen], args: argparse.Namespace) -> dict[str, Any]:
    """What was chosen, for the card: only counts."""
    longest = dict(zip(SETS, (args.longest, args.longest_visit), strict=True))
    return {
        name: {
            "source": MAPPING[name]["source"],
            "template": MAPPING[name]["template"],
            "longest": longest[name],
            "tokens": made.tokens,
            **{kind: made.counts[kind] for kind in ("whole", "cut", "left out")},
        }
        for name, made in found.items()
    }


def main(words: list[str] | None = None) -> int:
    """Choose, write the examples, adapt."""
    args = parsed(words)
    args.work.mkdir(mode=0o700, parents=True, exist_ok=True)
    examples, out = args.work / "examples.jsonl", args.work / "partner.gguf"
    found = chosen(args)
    write(examples, [row for made in found.values() for row in made.rows])
    told = json.dumps(about(found, args), indent=2) + "\n"
    write_whole(args.work / "rows.json", told.encode())
    print(told, flush=True)
    if args.full:
        from models.partner import full  # needs torch

        return full.run(args, examples)
    again = ["--resume"] if place(out).exists() else []
    longest = str(max(args.longest, args.longest_visit))
    own = ["--batch-tokens", args.batch_tokens, "--held-out", args.held_out, "--longest", longest]
    own += ["--threads", args.threads, "--compute", args.compute]
    return edgemed(
        [
            "adapt",
            str(args.model),
            "--examples",
            str(examples),
            "-o",
            str(out),
            *SETTINGS,
            *own,
            *again,
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
