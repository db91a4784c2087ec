"""How well the checks of a draft find planted errors, and how often they cry wolf.

    python -m tests.bench.checks [--data DIR] [--each N] [--no-baselines]

Runs on published dialogues and human-written notes (../shared/data/clinical, or a folder with CSV
files of the same columns). Every table prints 95 % intervals from 1,000 bootstrap samples of
documents. Thresholds were chosen on ACI-Bench valid and test-1 and MTS-Dialog validation and
test-1; any other file is unseen.
"""

import argparse
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.text import read
from edgemed.clinic.review import claims_of, review_read
from edgemed.clinic.source import Source
from tests.bench import baselines, human_scores
from tests.bench.documents import MEDEC, Document, documents, foreign_sentences, rows
from tests.bench.planting import Planted, plant
from tests.bench.traps import traps
from tests.conftest import DATA

SAMPLES = 1000


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


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / "clinical")
    parser.add_argument("--each", type=int, default=100, help="planted errors of each kind")
    parser.add_argument("--no-baselines", action="store_true")
    args = parser.parse_args()
    docs = documents(args.data)
    if docs:
        planted_errors(docs, args.data, args.each, not args.no_baselines)
    medec(args.data / MEDEC)
    human_scores.table(args.data)
    synthetic()
    speed(docs)


def planted_errors(docs: list[Document], folder: Path, each: int, compare: bool) -> None:
    """False flags on the untouched notes, recall by kind, baselines at the same rate."""
    sources = {d.name: Source(d.dialogue) for d in docs}
    clean = [s for d in docs for s in sentences(d.name, d.note, sources[d.name])]
    false_flags(clean)
    known = {(s.document, s.text) for s in clean if s.flags}
    foreign = foreign_sentences(folder)
    planted = plant([(d.name, d.note) for d in docs], foreign or ["He is well."], each)
    hits = [h for p in planted if (h := judged(p, sources[p.document], known)) is not None]
    rates = {"ours": {id(h): h.flagged for h in hits}}
    if compare:
        rates |= baseline_rates(docs, clean, hits)
    recall_table(hits, rates)
    worst(hits, clean)


def sentences(name: str, text: str, source: Source) -> list[Sentence]:
    return [Sentence(name, said.sentence.text, flags_of(source, said)) for said in read(text)]


def flags_of(source: Source, said: Said) -> tuple[Flag, ...]:
    """The flags of all claims of a sentence: rates count sentences, as the other methods do."""
    return tuple(flag for claim in claims_of(source, said) for flag in claim.flags)


def judged(p: Planted, source: Source, known: set[tuple[str, str]]) -> Hit | None:
    """The planted sentence reviewed; None where cutting leaves no sentence at the place."""
    end = max(p.end, p.start + 1)
    there = [
        s for s in read(p.draft) if s.sentence.span.start < end and p.start < s.sentence.span.end
    ]
    if not there:
        return None
    flags = [f for s in there for f in flags_of(source, s)]
    near = any(f.draft.start <= end + 25 and p.start - 25 <= f.draft.end for f in flags)
    text = " ".join(s.sentence.text for s in there)
    before = p.draft[: p.start] + p.was + p.draft[p.end :]
    was = [
        s.sentence.text
        for s in read(before)
        if s.sentence.span.start <= p.start < s.sentence.span.end
    ]
    new = bool(flags) and not any((p.document, w) in known for w in was)
    return Hit(p, text, bool(flags), near, new)


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


def worst(hits: Sequence[Hit], clean: Sequence[Sentence]) -> None:
    """Twenty misses and twenty false flags to read, drawn with a fixed seed."""
    rng = random.Random(20)
    missed = [h for h in hits if not h.flagged and h.planted.kind != "foreign sentence"]
    print("\nTwenty misses:")
    for h in rng.sample(missed, min(20, len(missed))):
        change = f"{h.planted.was!r} -> {h.planted.draft[h.planted.start : h.planted.end]!r}"
        print(f"  {h.planted.kind:12s} {h.planted.document}: {change} in {h.text[:150]!r}")
    flagged = [s for s in clean if s.flags]
    flagged.sort(key=lambda s: -sum(f.severity == "major" for f in s.flags))
    print("\nTwenty false flags, major ones first:")
    for s in flagged[:10] + rng.sample(flagged[10:], min(10, max(0, len(flagged) - 10))):
        print(f"  {s.document}: {s.flags[0].reason} | {s.text[:150]!r}")


def medec(path: Path) -> None:
    """One planted medical error a text: note = corrected text, draft = text with the error."""
    if not path.is_file():
        return
    flagged = clean = total = untouched = 0
    for row in rows(path):
        if row["Error Flag"] != "1":
            continue
        source = Source(row["Corrected Text"])
        total += 1
        at = row["Text"].find(row["Error Sentence"])
        end = at + len(row["Error Sentence"])
        for c in review_read(source, read(row["Text"])).claims:
            if at >= 0 and c.draft.start < end and at < c.draft.end:
                flagged += bool(c.flags)
                break
        for c in review_read(source, read(row["Corrected Text"])).claims:
            clean += bool(c.flags)
            untouched += 1
    share = 100 * flagged / total
    print(f"\nMEDEC validation: {flagged} of {total} error sentences flagged ({share:.1f} %)")
    print(f"  the corrected text against itself: {clean} of {untouched} sentences flagged")


def synthetic() -> None:
    """The pairs of our own, by kind."""
    found: dict[str, list[bool]] = defaultdict(list)
    false: dict[str, list[bool]] = defaultdict(list)
    for trap in traps():
        source = Source(trap.source)
        for text, table in ((trap.wrong, found), (trap.right, false)):
            claims = review_read(source, read(text)).claims
            table[trap.kind].append(any(c.flags for c in claims))
    print(f"\nSynthetic traps: {sum(map(len, found.values()))} pairs")
    for kind, caught in found.items():
        wrong = 100 * np.mean(false[kind])
        print(f"  {kind:18s} {len(caught):4d} recall {100 * np.mean(caught):5.1f} %", end="")
        print(f", right draft flagged {wrong:4.1f} %")


def speed(docs: Sequence[Document]) -> None:
    """Seconds for a note of 3,000 words and a draft of 400."""
    if not docs:
        return
    source = words_up_to((d.note for d in docs), 3000)
    draft = words_up_to((d.note for d in docs[1:]), 400)
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        review_read(Source(source), read(draft))
        seconds.append(time.perf_counter() - start)
    low, middle, high = np.quantile(seconds, (0, 0.5, 1))
    print(f"\n{len(source.split())} words of note, {len(draft.split())} of draft: "
          f"{middle:.2f} s (of 7: {low:.2f} to {high:.2f})")  # fmt: skip


def words_up_to(texts: Iterable[str], count: int) -> str:
    found: list[str] = []
    for text in texts:
        found.append(text)
        if sum(len(t.split()) for t in found) >= count:
            break
    whole = "\n\n".join(found)
    return " ".join(whole.split(" ")[: int(count * 1.05)])


def grouped(pairs: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for document, value in pairs:
        found[document].append(value)
    return found


def interval(by_document: dict[str, list[float]]) -> str:
    """Mean over sentences with its 95 % interval, documents resampled."""
    sums = np.array([sum(v) for v in by_document.values()])
    counts = np.array([len(v) for v in by_document.values()])
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(sums), (SAMPLES, len(sums)))
    means = 100 * sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{100 * sums.sum() / counts.sum():.1f} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
