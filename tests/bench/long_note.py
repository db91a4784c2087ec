"""Processor time and peak memory of checking one draft against one long note.

    python -m tests.bench.long_note [--words 30000] [--draft 450] [--data DIR]

The note is made of published notes one after another, the draft of the first of them. Everything
that ships is switched on: rules, vectors, evidence, omissions, vital check. Run it by itself: the
peak is that of the whole process.
"""

import argparse
import resource
import time
from pathlib import Path

from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import review_read
from tests.bench.documents import documents
from tests.bench.small_sets import words_up_to
from tests.conftest import DATA


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--words", type=int, default=30_000)
    parser.add_argument("--draft", type=int, default=450)
    parser.add_argument("--data", type=Path, default=DATA / "clinical")
    args = parser.parse_args()
    notes = [d.note for d in documents(args.data)]
    source, draft = words_up_to(notes, args.words), words_up_to(notes, args.draft)
    wall, processor = time.perf_counter(), time.process_time()
    found = review_read(Source(source), read(draft))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(source.split()):,} words of note, {len(draft.split()):,} of draft: "
        f"{len(found.claims)} claims in {processor:.1f} s of processor time "
        f"({wall:.1f} s by the clock); peak memory {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
