"""Beside the planted errors: MEDEC, pairs of our own, and how long a check takes."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from edgemed_models.encoder import Encoder

from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import review_read
from tests.bench.documents import Document, rows
from tests.bench.intervals import grouped, interval
from tests.bench.traps import traps


def medec(path: Path) -> None:
    """One planted medical error a text: note = corrected text, draft = text with the error.

    A smoke test: the two texts are equal but for the error, and a verbatim check finds nearly all.
    """
    if not path.is_file():
        return
    found: list[tuple[str, float]] = []
    clean: list[tuple[str, float]] = []
    for row in rows(path):
        if row["Error Flag"] != "1":
            continue
        source = Source(row["Corrected Text"])
        at = row["Text"].find(row["Error Sentence"])
        end = at + len(row["Error Sentence"])
        claims = review_read(source, read(row["Text"])).claims
        there = [c for c in claims if c.draft.start < end and at < c.draft.end]
        found.append((row["Text ID"], float(any(c.flags for c in there))))
        for c in review_read(source, read(row["Corrected Text"])).claims:
            clean.append((row["Text ID"], float(bool(c.flags))))
    print(f"\nMEDEC validation: {len(found)} texts; error sentences flagged, %")
    print(f"  {interval(grouped(found))}")
    print(f"  claims of the corrected text flagged against itself: {interval(grouped(clean))}")


def synthetic() -> None:
    """The pairs of our own, by kind."""
    found: dict[str, list[float]] = defaultdict(list)
    false: dict[str, list[float]] = defaultdict(list)
    for trap in traps():
        source = Source(trap.source)
        for text, table in ((trap.wrong, found), (trap.right, false)):
            claims = review_read(source, read(text)).claims
            table[trap.kind].append(float(any(c.flags for c in claims)))
    print(f"\nSynthetic traps: {sum(map(len, found.values()))} pairs; found, right ones flagged, %")
    for kind, caught in found.items():
        cells = (interval({str(i): [v] for i, v in enumerate(x)}) for x in (caught, false[kind]))
        print(f"  {kind:18s} {len(caught):4d} " + " ".join(f"{c:>24s}" for c in cells))


def speed(docs: Sequence[Document]) -> None:
    """What a note of 3,000 words with a draft of 400 takes, and 300 sentences' vectors."""
    if not docs:
        return
    source = words_up_to((d.note for d in docs), 3000)
    draft = words_up_to((d.note for d in docs[1:]), 400)
    print(f"\n{len(source.split())} words of note, {len(draft.split())} of draft: "
          f"{timed(lambda: review_read(Source(source), read(draft)))}")  # fmt: skip
    texts = dict.fromkeys(s.sentence.text for d in docs for s in read(d.note))
    encoder, sentences = Encoder(), list(texts)[:300]
    print(f"vectors of {len(sentences)} sentences: {timed(lambda: encoder.vectors(sentences))}")


def timed(run: Callable[[], object]) -> str:
    """Seconds of processor time, all threads, of seven runs: the middle one and the range."""
    seconds = []
    for _ in range(7):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    low, middle, high = np.quantile(seconds, (0, 0.5, 1))
    return f"{middle:.2f} s (of 7: {low:.2f} to {high:.2f})"


def words_up_to(texts: Iterable[str], count: int) -> str:
    found: list[str] = []
    for text in texts:
        found.append(text)
        if sum(len(t.split()) for t in found) >= count:
            break
    whole = "\n\n".join(found)
    return " ".join(whole.split(" ")[: int(count * 1.05)])
