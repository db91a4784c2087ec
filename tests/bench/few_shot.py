"""Does a merged model need fewer examples? 64 and 256 of MeQSum, for three parents, some seeds.

    python -m tests.bench.few_shot --instruct SmolLM2-135M-Instruct.Q4_1.gguf --work FOLDER

Makes the clinical model (the packaged adapter folded into the instruct one; or give --clinical) and
their merge at t = .5. Every parent answers MeQSum's test questions as it is, then with an adapter
that `edgemed adapt --draw N --seed S` trained on N questions of the pool; the 64 of a seed lie
inside its 256. ROUGE-1/2/L is rouge-score's with its stemmer, F averaged over questions, an empty
answer 0. Each result is a file in FOLDER/results as soon as it is there: a later run goes on. A
short run: --questions 10 --shots 8 16 --seeds 0 --epochs 1. The paper's claim is that the merge
with 64 is on par with the parents with 256: the differences have 95 % intervals, questions
resampled. Ours are other models, data and settings than the paper's.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_models.answer import ask
from edgemed_models.base import Message, Request
from edgemed_models.catalog import partner_path, read_cards

from edgemed.adapters.naming import Use
from edgemed.cli.main import main as edgemed
from edgemed.cli.training import adapt
from edgemed.local_models.loading import Options, load_model
from edgemed.storage.sha256 import sha256_of
from edgemed.storage.whole import write_whole
from tests.bench.intervals import interval
from tests.bench.meqsum import Row, parts, read

DATA = Path(__file__).parents[3] / "shared" / "data" / "clinical" / "meqsum"
ROUGE = ("rouge1", "rouge2", "rougeL")
ANSWER = 48  # tokens; nine in ten reference questions have at most 25
PARENTS = ("clinical", "instruct", "merged")


class Cell(NamedTuple):
    """One figure of the table: a parent, how many examples, and which."""

    parent: str
    shots: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.parent}-{self.shots}-{self.seed}"


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--instruct", type=Path, required=True, metavar="MODEL")
    add("--clinical", type=Path, metavar="MODEL")
    add("--work", type=Path, required=True, metavar="FOLDER")
    add("--data", type=Path, default=DATA, metavar="FOLDER")
    add("--parents", nargs="+", choices=PARENTS, default=list(PARENTS))
    add("--shots", nargs="+", type=int, default=[64, 256])
    add("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add("--questions", type=int, default=150, help="of the test part, the first so many")
    add("--epochs", default="3")
    add("--rank", default="16")
    add("--rate", default="3e-4")
    add("--threads", default="1")
    return parser.parse_args(words)


def models(args: argparse.Namespace) -> dict[str, Path]:
    """The parents, made where they are not there yet."""
    clinical = args.clinical or args.work / "clinical.gguf"
    merged = args.work / "merged.gguf"
    if not clinical.exists():
        adapter = packaged_adapter()
        done = edgemed(["fold", str(args.instruct), str(adapter), "-o", str(clinical)])
        assert done == 0, "the packaged adapter is for SmolLM2-135M-Instruct: give --clinical"
    if "merged" in args.parents and not merged.exists():
        pair = [str(clinical), str(args.instruct)]
        assert edgemed(["merge", *pair, "--t", "0.5", "-o", str(merged)]) == 0
    every = {"clinical": clinical, "instruct": args.instruct, "merged": merged}
    return {name: every[name] for name in args.parents}


def packaged_adapter() -> Path:
    """The clinical adapter of SmolLM2-135M-Instruct."""
    return next(partner_path(card.partner) for card in read_cards() if card.partner is not None)


def cells(args: argparse.Namespace) -> list[Cell]:
    """All figures; without examples there is nothing to draw, so one for each parent."""
    plain = [Cell(parent, 0, 0) for parent in args.parents]
    return plain + [
        Cell(p, n, s) for s in args.seeds for n in sorted(args.shots) for p in args.parents
    ]


def settings(args: argparse.Namespace, cell: Cell, model: Path) -> dict[str, Any]:
    """What a result depends on; its file must say the same to be used again."""
    trained = {"epochs": args.epochs, "rank": args.rank, "rate": args.rate} if cell.shots else {}
    return {"model": sha256_of(model), "questions": args.questions, "answer": ANSWER, **trained}


def adapter_of(args: argparse.Namespace, cell: Cell, model: Path, examples: Path) -> Path | None:
    """Train the cell's adapter, or go on where that was stopped; None where nothing was learned."""
    from edgemed.training.checkpoint import place  # needs torch

    out = args.work / f"{cell.name}.gguf"
    words = [str(model), "--examples", str(examples), "-o", str(out)]
    words += ["--draw", str(cell.shots), "--seed", str(cell.seed), "--threads", args.threads]
    words += ["--epochs", args.epochs, "--rank", args.rank, "--rate", args.rate]
    parser = argparse.ArgumentParser()
    adapt.configure(parser)
    try:
        adapt.run(parser.parse_args([*words, "--resume" if place(out).exists() else "--force"]))
    except adapt.NothingLearned:
        return None
    return out


def answers(model: Path, adapter: Path | None, rows: list[Row], threads: int) -> list[str]:
    """A greedy answer to each question."""
    uses = () if adapter is None else (Use(adapter),)
    loaded = load_model(model, Options(threads=threads, adapters=uses))
    try:
        asked = [Request((Message("user", row.prompt),), ANSWER) for row in rows]
        return [ask(loaded, request).text.strip() for request in asked]
    finally:
        loaded.close()


def scored(rows: list[Row], texts: list[str]) -> dict[str, list[float]]:
    """F of each measure, by question."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(ROUGE, use_stemmer=True)
    each = [scorer.score(r.summary, t) for r, t in zip(rows, texts, strict=True)]
    return {name: [round(score[name].fmeasure, 5) for score in each] for name in ROUGE}


def result(
    args: argparse.Namespace, cell: Cell, model: Path, examples: Path, rows: list[Row]
) -> dict[str, Any]:
    """The figures of a cell: from its file, else trained, asked, scored and written there."""
    file, wanted = args.work / "results" / f"{cell.name}.json", settings(args, cell, model)
    if file.exists():
        found: dict[str, Any] = json.loads(file.read_text())
        if found["settings"] != wanted:
            raise SystemExit(f"{file} is of other settings: give another --work, or remove it")
        return found
    began = time.monotonic()
    adapter = adapter_of(args, cell, model, examples) if cell.shots else None
    trained = time.monotonic()
    texts = answers(model, adapter, rows, int(args.threads))
    found = {
        "settings": wanted,
        "learned": adapter is not None,
        "seconds": {"training": trained - began, "answering": time.monotonic() - trained},
        "empty": sum(not text for text in texts),
        "scores": scored(rows, texts),
    }
    write_whole(file, json.dumps(found).encode())
    return found


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def table(args: argparse.Namespace, found: dict[Cell, dict[str, Any]]) -> Iterator[str]:
    """A line a parent, ROUGE-1/2/L by number of examples, seeds averaged; the range of ROUGE-L."""
    yield "parent     " + "".join(f"{n:>5} examples: R-1/2/L (R-L)      " for n in [0, *args.shots])
    for parent in args.parents:
        line = f"{parent:<11}"
        for shots in [0, *args.shots]:
            own = [f["scores"] for c, f in found.items() if (c.parent, c.shots) == (parent, shots)]
            means = [[mean(scores[name]) for scores in own] for name in ROUGE]
            last = f"({min(means[2]):.3f} to {max(means[2]):.3f})"
            line += f"{'/'.join(f'{mean(m):.3f}' for m in means):>20} {last:<18}"
        yield line


def claims(args: argparse.Namespace, found: dict[Cell, dict[str, Any]]) -> Iterator[str]:
    """The merge with the fewest examples less each parent with the most: ROUGE-L, by question."""
    few, many = min(args.shots), max(args.shots)
    for parent in args.parents:
        if "merged" not in args.parents or parent == "merged":
            continue
        apart: dict[str, list[float]] = defaultdict(list)
        for seed in args.seeds:
            a = found[Cell("merged", few, seed)]["scores"]["rougeL"]
            b = found[Cell(parent, many, seed)]["scores"]["rougeL"]
            for n, (x, y) in enumerate(zip(a, b, strict=True)):
                apart[str(n)].append(x - y)
        yield f"merged with {few} less {parent} with {many}, ROUGE-L x 100: {interval(apart)}"


def main(words: list[str] | None = None) -> int:
    args = parsed(words)
    (args.work / "results").mkdir(parents=True, exist_ok=True)
    pool, test = parts(read(args.data))
    rows, paths = test[: args.questions], models(args)
    examples = args.work / "pool.jsonl"
    lines = [json.dumps({"prompt": row.prompt, "completion": row.summary}) for row in pool]
    write_whole(examples, "\n".join(lines).encode())
    print(f"{len(pool)} questions to draw from, {len(rows)} to answer", flush=True)
    found: dict[Cell, dict[str, Any]] = {}
    for cell in cells(args):
        one = found[cell] = result(args, cell, paths[cell.parent], examples, rows)
        means = "/".join(f"{mean(one['scores'][name]):.3f}" for name in ROUGE)
        print(f"{cell.name}: {means}" + ("" if one["learned"] or not cell.shots else
              " (nothing learned)"), flush=True)  # fmt: skip
    print("\n".join([*table(args, found), *claims(args, found)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
