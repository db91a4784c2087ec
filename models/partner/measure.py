"""Measures the partner on MTS-Dialog's validation rows: drafts, scores and checks them.

    python -m models.partner.measure A.gguf B.gguf ... --data ../shared/data/clinical --rows 40

The section's header is given in the prompt, as `edgemed summarize --template visit-section
--field section=...` does. Drafts are greedy. ROUGE is rouge-score's with its stemmer, F averaged
over rows, an empty answer counts 0. Contradictions: claims that edgemed's checks call contradicted,
of all claims; not found: the same for claims that the dialogue lacks; omissions: facts of
the dialogue that a draft lacks, a row. The rows are drawn by a seed. Prints figures, never a text.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgemed_models.answer import collect
from edgemed_models.base import LanguageModel

from edgemed.clinic.findings import Review
from edgemed.clinic.reviewing.review import review
from edgemed.clinic.summarizing.summarize import prompt_of, request_of, write
from edgemed.local_models.loading import Options, load_model
from models.partner.rows import Row, read_rows

MOST_TOKENS = 250
ROUGE = ("rouge1", "rouge2", "rougeL")
SEED = 19


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="models.partner.measure", description=__doc__)
    add = parser.add_argument
    add("models", nargs="+", type=Path, metavar="MODEL")
    add("--data", type=Path, required=True, metavar="FOLDER")
    add("--rows", type=int, default=100, metavar="N")
    add("--threads", type=int, default=1, metavar="N")
    add("--log", type=Path, metavar="FILE", help="figures as JSON, a model a line, added")
    return parser.parse_args(words)


def rows_of(data: Path, count: int) -> list[Row]:
    """`count` validation rows, drawn by the seed; a larger count includes a smaller one."""
    rows = read_rows(data, "mts-dialog", "validation")
    return random.Random(SEED).sample(rows, len(rows))[:count]


def drafted(model: LanguageModel, row: Row) -> tuple[str, str]:
    """The draft of a row, and how it ended."""
    most = min(MOST_TOKENS, row.template.max_tokens)
    answer = collect(write(model, request_of(prompt_of(row.note, row.template), most)))
    return answer.text, answer.ending


def figures(rows: Sequence[Row], drafts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Means over the rows."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(ROUGE, use_stemmer=True)
    scores = [scorer.score(row.answer, text) for row, (text, _) in zip(rows, drafts, strict=True)]
    reviews = [
        review(row.note.text, text) for row, (text, _) in zip(rows, drafts, strict=True) if text
    ]
    labels = Counter(claim.label for found in reviews for claim in found.claims)
    claims = max(labels.total(), 1)
    return {
        "rows": len(rows),
        **{name: mean([score[name].fmeasure for score in scores]) for name in ROUGE},
        "contradicted": round(labels["contradicted"] / claims, 4),
        "not found": round(labels["not found"] / claims, 4),
        "claims": labels.total(),
        "omissions per row": mean([len(found.omissions) for found in reviews]),
        "words per draft": mean([len(text.split()) for text, _ in drafts]),
        "words a reference": mean([len(row.answer.split()) for row in rows]),
        "empty": sum(not text.strip() for text, _ in drafts),
        "endings": dict(Counter(ending for _, ending in drafts)),
        "unusable": counted(reviews),
    }


def counted(reviews: Sequence[Review]) -> dict[str, int]:
    """How many drafts have each reason above them."""
    return dict(Counter(reason for found in reviews for reason in found.unusable))


def mean(values: Sequence[float]) -> float:
    """The mean to four digits; 0 if there are none."""
    return round(sum(values) / len(values), 4) if values else 0.0


def main(words: list[str] | None = None) -> int:
    """Draft, score and print each model's figures."""
    args = parsed(words)
    rows = rows_of(args.data, args.rows)
    for path in args.models:
        model = load_model(path, Options(threads=args.threads))
        try:
            drafts = [drafted(model, row) for row in rows]
        finally:
            model.close()
        told = json.dumps({"model": path.name} | figures(rows, drafts))
        print(told, flush=True)
        if args.log:
            with args.log.open("a") as file:
                file.write(told + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
