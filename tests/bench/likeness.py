"""52,000 instructions against each other: which are too like one that was kept before.

    python -m tests.bench.likeness [52000] [--words 22] [--alike 0.1]

The texts are made: words drawn by Zipf's law from a vocabulary of 30,000, with lengths around
`--words` as those of published medical instructions, and a share of them copies with a few words
changed. One thread, as `edgemed instructions make` and `report` compare them.
"""

import argparse
import random
import resource
import time
from bisect import bisect
from itertools import accumulate

from edgemed.instructions.likeness import Texts

VOCABULARY = 30_000
CHANGED = (1, 8)  # words of a copy


def texts_of(count: int, words: int, alike: float, seed: int) -> list[str]:
    """The instructions; some are like one of those before."""
    drawn = random.Random(seed)
    weights = list(accumulate(1 / (rank + 2) for rank in range(VOCABULARY)))

    def word() -> str:
        return f"w{bisect(weights, drawn.random() * weights[-1])}"

    made: list[list[str]] = []
    for _ in range(count):
        if made and drawn.random() < alike:
            text = list(drawn.choice(made))
            for _ in range(drawn.randint(*CHANGED)):
                text[drawn.randrange(len(text))] = word()
        else:
            text = [word() for _ in range(max(4, round(drawn.gauss(words, words * 0.4))))]
        made.append(text)
    return [" ".join(text) for text in made]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("count", type=int, nargs="?", default=52_000)
    parser.add_argument("--words", type=int, default=22)
    parser.add_argument("--alike", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    texts = texts_of(args.count, args.words, args.alike, args.seed)
    kept, pairs = Texts(), 0  # pairs that a comparison of each with each would have
    wall, processor = time.perf_counter(), time.process_time()
    for text in texts:
        pairs += len(kept)
        if not kept.too_like(text):
            kept.add(text)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{args.count:,} texts of about {args.words} words: {len(kept):,} kept, "
        f"{args.count - len(kept):,} too like another\n"
        f"{pairs:,} pairs in {wall:.0f} s ({processor:.0f} s of one processor), "
        f"{processor / pairs * 1e9:.0f} ns a pair; peak memory {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
