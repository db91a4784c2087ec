"""How well the checks of a draft find planted errors, and how often they cry wolf.

    python -m tests.bench.checks [--data DIR] [--each N] [--half kept|open|both]
        [--set aci|mts|both] [--against dialogue|note] [--documents N] [--no-baselines]

Runs on published dialogues and human-written notes (../shared/data/clinical, or a folder with CSV
files of the same columns). Every table prints 95 % intervals from 1,000 bootstrap samples of
documents. Rules are written on the open half of the documents; the kept half is for measuring
(`documents.is_kept_out`). Thresholds of older rules were chosen on ACI-Bench valid and test-1 and
MTS-Dialog validation and test-1, both halves; the training files are unseen by those.
"""

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.attributes import BACK, carried_on
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read, read_one
from edgemed.clinic.reviewing.review import claims_of
from edgemed.clinic.sentences import split
from edgemed.evals.planting import PLANTERS, Planted, plant
from edgemed.evals.planting_attributes import ATTRIBUTES
from tests.bench import baselines, human_scores
from tests.bench.documents import MEDEC, Document, documents, foreign_sentences, is_kept_out
from tests.bench.intervals import grouped, interval
from tests.bench.small_sets import medec, speed, synthetic
from tests.conftest import DATA


class Sentence(NamedTuple):
    """A draft sentence as the bench sees it: whose, what, and what the checks said."""

    document: str
    text: str
    flags: tuple[Flag, ...]


class Hit(NamedTuple):
    """A planted error: whether its sentence was flagged, and whether the flag is at the place."""

    planted: Planted
    text: str
    flagged: bool
    near: bool
    new: bool
    vouched: bool  # some claim there is called supported


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / "clinical")
    parser.add_argument("--each", type=int, default=100, help="planted errors of each kind")
    parser.add_argument("--half", choices=("kept", "open", "both"), default="kept")
    parser.add_argument("--set", choices=("aci", "mts", "both"), default="both")
    parser.add_argument("--against", choices=("dialogue", "note"), default="dialogue")
    parser.add_argument("--documents", type=int, default=0, help="at most so many; 0: all")
    parser.add_argument("--planted-only", action="store_true")
    parser.add_argument("--no-baselines", action="store_true")
    args = parser.parse_args()
    docs = chosen(documents(args.data), args)
    if docs:
        planted_errors(docs, args.data, args.each, not args.no_baselines, args.half == "open")
    if args.planted_only:
        return
    medec(args.data / MEDEC)
    human_scores.table(args.data)
    synthetic()
    speed(docs)


def chosen(docs: list[Document], args: argparse.Namespace) -> list[Document]:
    """The documents of the half and the set asked for, held against what was asked for."""
    kept = [d for d in docs if args.half == "both" or is_kept_out(d.name) == (args.half == "kept")]
    if args.set != "both":
        kept = [d for d in kept if d.name.startswith("MTS") == (args.set == "mts")]
    if args.documents:
        kept = random.Random(3).sample(kept, min(args.documents, len(kept)))
    return [d._replace(dialogue=d.note) for d in kept] if args.against == "note" else kept


def planted_errors(
    docs: list[Document], folder: Path, each: int, compare: bool, may_read: bool
) -> None:
    """False flags on the untouched notes, recall by kind, baselines at the same rate.

    Sentences are printed only where nobody minds reading them: not of the half kept out.
    """
    sources = {d.name: Source(d.dialogue) for d in docs}
    clean = [s for d in docs for s in sentences(d.name, d.note, sources[d.name])]
    false_flags(clean)
    known = {(s.document, s.text) for s in clean if s.flags}
    foreign = foreign_sentences(folder)
    notes = [(d.name, d.note) for d in docs]
    planted = plant(notes, foreign, each, planters=PLANTERS | ATTRIBUTES)
    hits = [h for p in planted if (h := judged(p, sources[p.document], known)) is not None]
    rates = {"ours": {id(h): h.flagged for h in hits}}
    if compare:
        rates |= baseline_rates(docs, clean, hits)
    recall_table(hits, rates)
    vouching(hits)
    gain_table(hits, rates)
    if may_read:
        worst(hits, clean)


def sentences(name: str, text: str, source: Source) -> list[Sentence]:
    return [Sentence(name, said.sentence.text, flags_of(source, said)) for said in read(text)]


def flags_of(source: Source, said: Said) -> tuple[Flag, ...]:
    """The flags of all claims of a sentence: rates count sentences, as the other methods do."""
    return tuple(flag for claim in claims_of(source, said) for flag in claim.flags)


def judged(p: Planted, source: Source, known: set[tuple[str, str]]) -> Hit | None:
    """The planted sentence reviewed; None where cutting leaves no sentence at the place."""
    end = max(p.end, p.start + 1)
    there = read_at(p, end)
    if not there:
        return None
    claims = [c for s in there for c in claims_of(source, s)]
    flags = [f for c in claims for f in c.flags]
    vouched = any(
        c.label == "supported" and c.draft.start < end and p.start < c.draft.end for c in claims
    )
    near = any(f.draft.start <= end + 25 and p.start - 25 <= f.draft.end for f in flags)
    text = " ".join(s.sentence.text for s in there)
    before = p.draft[: p.start] + p.was + p.draft[p.end :]
    was = [s.text for s in split(before) if s.span.start <= p.start < s.span.end]
    new = bool(flags) and not any((p.document, w) in known for w in was)
    return Hit(p, text, bool(flags), near, new, vouched)


def read_at(p: Planted, end: int) -> list[Said]:
    """The sentences at the planted error, read as `read` reads them in the whole draft.

    What a sentence owes to others is what the few before it name, and the patient's sex.
    """
    sentences = [s for s in split(p.draft) if s.kind != "heading"]
    hit = [i for i, s in enumerate(sentences) if s.span.start < end and p.start < s.span.end]
    if p.kind == "sex" or not hit:
        said = read(p.draft)
    else:
        said = list(carried_on(list(map(read_one, sentences[max(0, hit[0] - BACK) : hit[-1] + 1]))))
    return [s for s in said if s.sentence.span.start < end and p.start < s.sentence.span.end]


def false_flags(clean: Sequence[Sentence]) -> None:
    print(
        f"\nUntouched notes: {len(clean)} sentences of {len({s.document for s in clean})} documents"
    )
    for title, of in (
        ("flagged", lambda s: bool(s.flags)),
        ("flagged major", lambda s: any(f.severity == "major" for f in s.flags)),
    ):
        by_document = grouped((s.document, float(of(s))) for s in clean)
        print(f"  {title:14s} {interval(by_document)}")
    checks = sorted({f.check for s in clean for f in s.flags})
    for check in checks:
        share = np.mean([any(f.check == check for f in s.flags) for s in clean])
        print(f"    {check:14s} {100 * share:4.1f} %")


def baseline_rates(
    docs: list[Document], clean: Sequence[Sentence], hits: Sequence[Hit]
) -> dict[str, dict[int, bool]]:
    """Which planted sentences each baseline flags at our rate of flags on untouched notes."""
    rate = float(np.mean([bool(s.flags) for s in clean]))
    scorers = {d.name: scorers_of(d.dialogue) for d in docs}
    found: dict[str, dict[int, bool]] = {}
    for name in ("verbatim", "fuzzy", "ROUGE-L", "MiniLM cosine"):
        usual = [scorers[s.document][name](s.text) for s in clean]
        least = float(np.quantile(usual, rate))
        found[name] = {id(h): scorers[h.planted.document][name](h.text) <= least for h in hits}
    return found


def scorers_of(dialogue: str) -> dict[str, Callable[[str], float]]:
    windows = baselines.windows_of([s.sentence.text for s in read(dialogue)])
    return {
        "verbatim": baselines.verbatim(dialogue),
        "fuzzy": baselines.fuzzy(dialogue),
        "ROUGE-L": baselines.rouge_l(windows),
        "MiniLM cosine": baselines.cosine(windows),
    }


def recall_table(hits: Sequence[Hit], rates: dict[str, dict[int, bool]]) -> None:
    kinds = list(dict.fromkeys(h.planted.kind for h in hits))
    print("\nPlanted errors: share of planted sentences flagged, %, at the same false-flag rate")
    print(
        f"  {'':18s} {'n':>4s} "
        + " ".join(f"{name:>20s}" for name in rates)
        + "   at the place / newly flagged"
    )
    for kind in [*kinds, "all but foreign"]:
        of_kind = [
            h
            for h in hits
            if h.planted.kind == kind
            or (kind not in kinds and h.planted.kind != "foreign sentence")
        ]
        cells = [
            interval(grouped((h.planted.document, float(flagged[id(h)])) for h in of_kind))
            for flagged in rates.values()
        ]
        near = 100 * np.mean([h.near for h in of_kind])
        new = 100 * np.mean([h.new for h in of_kind])
        print(
            f"  {kind:18s} {len(of_kind):4d} "
            + " ".join(f"{c:>20s}" for c in cells)
            + f"   {near:.0f} / {new:.0f}"
        )


def vouching(hits: Sequence[Hit]) -> None:
    """How many of the wrong claims that no flag met carry the word supported."""
    missed = [h for h in hits if not h.flagged]
    share = interval(grouped((h.planted.document, float(h.vouched)) for h in missed))
    print(f"\n{len(missed)} wrong sentences without a flag; called supported, %: {share}")


def gain_table(hits: Sequence[Hit], rates: dict[str, dict[int, bool]]) -> None:
    """By how much ours finds more than the best of the others, on the same planted sentences."""
    others = [name for name in rates if name != "ours"]
    if not others:
        return
    print("\nOurs less the best of the others, by kind: paired, %")
    for kind in dict.fromkeys(h.planted.kind for h in hits):
        of_kind = [h for h in hits if h.planted.kind == kind]
        best = max(others, key=lambda name: sum(rates[name][id(h)] for h in of_kind))
        pairs = [
            (h.planted.document, float(h.flagged) - float(rates[best][id(h)])) for h in of_kind
        ]
        print(f"  {kind:18s} {interval(grouped(pairs)):>22s}   less {best}")


GRAVE = ("dose", "drug swap", "laterality", "unit", "number", "date")  # missed: worst first


def worst(hits: Sequence[Hit], clean: Sequence[Sentence]) -> None:
    """The twenty worst misses, gravest kind first, and twenty false flags, major ones first."""
    rng = random.Random(20)
    missed = [h for h in hits if not h.flagged and h.planted.kind != "foreign sentence"]
    rng.shuffle(missed)
    order = {kind: i for i, kind in enumerate(GRAVE)}
    missed.sort(key=lambda h: order.get(h.planted.kind, len(order)))
    print(f"\nThe twenty worst of {len(missed)} misses:")
    for h in missed[:20]:
        change = f"{h.planted.was!r} -> {h.planted.draft[h.planted.start : h.planted.end]!r}"
        print(f"  {h.planted.kind:12s} {h.planted.document}: {change} in {h.text[:150]!r}")
    flagged = [s for s in clean if s.flags]
    flagged.sort(key=lambda s: -sum(f.severity == "major" for f in s.flags))
    print(f"\nThe twenty worst of {len(flagged)} false flags, most major ones first:")
    for s in flagged[:20]:
        print(f"  {s.document}: {s.flags[0].reason} | {s.text[:150]!r}")


if __name__ == "__main__":
    main()
