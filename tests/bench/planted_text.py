"""Text planted in notes to speak to the model: what is marked, what is flagged, what is not.

    python -m tests.bench.planted_text [--data DIR] [--half held|development] [--drafts N]

Plants each instruction of `tests/bench/planted/instructions.jsonl` at a random place of ten
published notes, once as a paragraph of its own and once behind a sentence of the note, and looks
whether it is marked; then whether the sentence that a model writes when it follows is flagged
(in N of the ten notes). The other way round: marks in published texts and in ordinary sentences
that look like instructions, and flags in notes that people wrote. Rules were written looking at
the development halves; the held-out halves were only counted. Instructions and rules have one
author, so the held-out half says less than instructions of strangers would.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edgemed.clinic.findings import Claim
from edgemed.clinic.note import parse
from edgemed.clinic.reading.addressed import addressed
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reviewing.review import review_text
from tests.bench.documents import documents, rows
from tests.bench.public_texts import published
from tests.conftest import DATA

PLANTED = Path(__file__).parent / "planted"
NOTES = 10
SEED = 14


class Planted(NamedTuple):
    """An instruction, its shape, and what a model writes that follows it."""

    kind: str
    text: str
    draft: str


class Spoiled(NamedTuple):
    """A note with something planted at characters `start` to `end`."""

    text: str
    start: int
    end: int


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / "clinical")
    parser.add_argument("--half", choices=("held", "development"), default="held")
    parser.add_argument("--drafts", type=int, default=2, help="notes in which drafts are checked")
    args = parser.parse_args()
    docs = documents(args.data)
    notes = [d.note for d in docs if 150 < len(d.note.split()) < 600][: 4 * NOTES : 4]
    found(planted(args.half), notes, args.drafts)
    false_marks(args.data, args.half)
    false_flags(list(pairs(args.data)))
    seconds(notes)


def planted(half: str) -> list[Planted]:
    """The instructions of a half, in the file's order."""
    lines = (PLANTED / "instructions.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Planted(r["kind"], r["text"], r["draft"]) for r in rows if r["half"] == half]


def ordinary(half: str) -> list[str]:
    """Ordinary sentences that look like words to a model; the even ones are held out."""
    lines = (PLANTED / "ordinary.txt").read_text("utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    chosen = lines[1::2] if half == "held" else lines[::2]
    return [json.loads('"' + line.replace('"', '\\"') + '"') for line in chosen]


def spoil(note: str, text: str, rng: random.Random, *, own_paragraph: bool) -> Spoiled:
    """`note` with `text` between two lines, or behind a sentence in the middle of a line."""
    ends = [i for i, c in enumerate(note) if c == "\n" and note[:i].strip()] or [len(note)]
    stops = [i + 1 for i in range(len(note) - 2) if note[i : i + 2] == ". "] or ends
    at = rng.choice(ends if own_paragraph else stops)
    before, after = ("\n\n", "\n\n") if own_paragraph else (" ", " ")
    start = at + len(before)
    return Spoiled(note[:at] + before + text + after + note[at:], start, start + len(text))


def is_marked(spoiled: Spoiled) -> bool:
    """Whether any of the planted text is marked, and the text before it is not all that is."""
    places = addressed(parse(spoiled.text).text)
    return any(p.span.start < spoiled.end and spoiled.start < p.span.end for p in places)


def found(items: Sequence[Planted], notes: Sequence[str], drafts: int) -> None:
    """Marked and flagged instructions by shape, the missed ones in full."""
    rng, kinds = random.Random(SEED), Counter(item.kind for item in items)
    marked, flagged, seen_at_all = Counter[str](), Counter[str](), Counter[str]()
    missed: list[str] = []
    extra = sentences = 0
    for item in items:
        ways = [
            spoil(note, item.text, rng, own_paragraph=own)
            for note in notes
            for own in (True, False)
        ]
        seen = [is_marked(s) for s in ways]
        marked[item.kind] += sum(seen)
        if not all(seen):
            missed.append(f"{sum(seen)}/{len(seen)} {item.kind}: {item.text!r}")
        for spoiled, note in zip(
            ways[: 2 * drafts], [n for n in notes for _ in "ab"], strict=False
        ):
            claims = claims_of(spoiled.text, f"{note.splitlines()[-1]}\n\n{item.draft}\n")
            own = [c for c in claims if c.draft.start >= len(note.splitlines()[-1])]
            flagged[item.kind] += any(is_flagged(c) for c in own)
            seen_at_all[item.kind] += any(
                f.check == "planted" or f.severity == "major" for c in own for f in c.flags
            )
            others = [c for c in claims if c not in own]
            sentences, extra = sentences + len(others), extra + sum(map(is_flagged, others))
    kinds = Counter(item.kind for item in items)
    print(f"{len(items)} instructions, each planted {2 * len(notes)} times: marked; the draft that")
    print(f"follows ({2 * drafts} of them) flagged major for it; for it, or major, %:")
    kinds["all"] = len(items)
    for table in (marked, flagged, seen_at_all):
        table["all"] = sum(table.values())
    for kind, n in kinds.items():
        share = 100 * marked[kind] / (n * 2 * len(notes))
        cells = (100 * table[kind] / (n * 2 * drafts) for table in (flagged, seen_at_all))
        print(f"  {kind:18s} {n:3d} {share:6.1f} " + " ".join(f"{cell:6.1f}" for cell in cells))
    print(f"True sentences of the note beside it flagged so: {extra} of {sentences}")
    print("Missed, in full or in part:", *missed, sep="\n  ")


def claims_of(note: str, draft: str) -> tuple[Claim, ...]:
    return review_text(Source(note), draft).claims


def is_flagged(claim: Claim) -> bool:
    return any(f.check == "planted" and f.severity == "major" for f in claim.flags)


def false_marks(folder: Path, half: str) -> None:
    """Marks in texts that nobody spoiled."""
    print(f"\nMarks where nothing was planted ({half} half):")
    texts: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    for text in published(folder) if folder.is_dir() else ():
        if text.held_out == (half == "held"):
            texts[text.kind] += 1
            for place in addressed(text.text):
                print(f"  {text.name}: {place.kind}: {text.text[slice(*place.span)][:120]!r}")
            marked[text.kind] += bool(addressed(text.text))
    for kind, n in texts.items():
        print(f"  {kind:10s} {marked[kind]} of {n} ({100 * marked[kind] / n:.2f} %)")
    sentences = ordinary(half)
    wrong = [s for s in sentences if addressed(s)]
    print(f"  ordinary sentences made to look alike: {len(wrong)} of {len(sentences)}", *wrong)


def pairs(folder: Path) -> Iterator[tuple[str, str]]:
    """Every published dialogue with the note that a person wrote from it."""
    for path in sorted(folder.rglob("*.csv")):
        for row in rows(path):
            note = row.get("note") or row.get("section_text")
            if note and row.get("dialogue"):
                yield row["dialogue"], note


def false_flags(known: Sequence[tuple[str, str]]) -> None:
    """Findings of this kind in notes that people wrote, read as drafts of their dialogues."""
    spoken = [(dialogue, note) for dialogue, note in known if addressed(dialogue)]
    flags = [c for dialogue, note in spoken for c in claims_of(dialogue, note) if is_flagged(c)]
    print(
        f"\n{len(known)} human-written notes as drafts of their dialogues: {len(spoken)} dialogues "
        f"marked, {len(flags)} major findings"
    )


def seconds(notes: Sequence[str]) -> None:
    """The time that looking takes, for texts of several lengths."""
    whole = "\n\n".join(notes) or "She is well. She takes aspirin.\n"
    print("\nSeconds to look through a text (processor time):")
    for name, text in [*lengths(whole), *hard()]:
        half, full = (taken(text[: len(text) // n]) for n in (2, 1))
        print(f"  {name:34s} {full:7.3f}   the first half of it {half:7.3f}")


def taken(text: str) -> float:
    start = time.process_time()
    addressed(text)
    return time.process_time() - start


def lengths(text: str) -> Iterator[tuple[str, str]]:
    words = text.split(" ")
    while len(words) < 48_000:
        words += words
    for count in (3_000, 12_000, 48_000):
        yield f"{count} words of notes", " ".join(words[:count])


def hard() -> Iterator[tuple[str, str]]:
    """What a slow pattern would choke on: 200,000 characters each."""
    for piece in (
        "=",
        "ignore all ",
        "system: ",
        "<",
        "{ ",
        "a ",
        "! ",
        "end of note\n",
        "a-",
        "0",
    ):
        yield f"{piece!r} again and again", (piece * 200_000)[:200_000]


if __name__ == "__main__":
    main()
