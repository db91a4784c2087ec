"""Drafts with every template on ten invented notes: the drafts to read, and counts of each.

    python -m models.partner.drafts A.gguf B.gguf ... [--most 120] [--show FOLDER]

A line a draft: template, note, ending, tokens, seconds to the first token, headings asked for and
present, claims by label, why it is not usable. With --show the drafts are written to a
folder, a file a model.
"""

import argparse
import json
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgemed_models.answer import collect
from edgemed_models.base import Event, LanguageModel, Piece

from edgemed.clinic import samples
from edgemed.clinic.note import parse
from edgemed.clinic.reviewing.review import review
from edgemed.clinic.summarizing.summarize import prompt_of, request_of, write
from edgemed.clinic.summarizing.template import Template, readable
from edgemed.clinic.summarizing.template_files import list_templates
from edgemed.errors import EdgemedError
from edgemed.local_models.loading import Options, load_model

NOTES = tomllib.loads(Path(__file__).with_name("notes.toml").read_text(encoding="utf-8"))


def texts() -> dict[str, str]:
    """The ten notes by name."""
    own = {name: about["text"].strip() for name, about in NOTES.items()}
    return {"sample": samples.note(), "dialogue": samples.dialogue(), **own}


def drafted(
    model: LanguageModel, template: Template, text: str, most: int
) -> tuple[str, dict[str, Any]]:
    """A draft, and counts of it."""
    began, times = time.perf_counter(), list[float]()

    def tell(event: Event) -> None:
        if isinstance(event, Piece):
            times.append(time.perf_counter() - began)

    prompt = prompt_of(parse(text), template)
    answer = collect(write(model, request_of(prompt, most)), tell)
    draft = answer.text
    found = review(text, draft) if draft.strip() else None
    return draft, {
        "ending": answer.ending,
        "tokens": answer.tokens,
        "first token": round(times[0], 2) if times else 0.0,
        "headings": f"{sum(s in draft for s in template.sections)}/{len(template.sections)}",
        "readable": is_readable(template, draft),
        "claims": dict(Counter(claim.label for claim in found.claims)) if found else {},
        "unusable": list(found.unusable) if found else ["empty"],
    }


def is_readable(template: Template, draft: str) -> bool:
    """Whether a structured draft can be read as one; prose always can."""
    try:
        readable(template, draft)
    except EdgemedError:
        return False
    return True


def each(
    model: LanguageModel, most: int, notes: dict[str, str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(template, draft, counts) for every template on every note."""
    for name, text in notes.items():
        for template in list_templates():
            draft, counts = drafted(model, template, text, most)
            yield template.name, draft, {"template": template.name, "note": name} | counts


def main(words: list[str] | None = None) -> int:
    """Draft with every model."""
    parser = argparse.ArgumentParser(prog="models.partner.drafts", description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--most", type=int, default=120, metavar="N", help="tokens of a draft")
    parser.add_argument("--notes", type=int, default=10, metavar="N", help="how many of the notes")
    parser.add_argument("--show", type=Path, metavar="FOLDER")
    args = parser.parse_args(words)
    notes = dict(list(texts().items())[: args.notes])
    for path in args.models:
        model = load_model(path, Options(threads=1))
        try:
            for name, draft, counts in each(model, args.most, notes):
                print(json.dumps({"model": path.name} | counts), flush=True)
                if args.show:
                    with (args.show / f"{path.stem}.txt").open("a", encoding="utf-8") as file:
                        file.write(
                            f"=== {counts['note']} / {name}: {counts['ending']}\n{draft}\n\n"
                        )
        finally:
            model.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
