"""How far texts that people wrote are from being called unusable, or a loop.

    python -m tests.bench.usable [--each 10]

Reads the training and validation parts of MTS-Dialog and ACI-Bench as drafts: all of them for
repetition, copies and loops, every tenth for support by its dialogue. Prints counts, never a text.
"""

import argparse
import re

from edgemed_models.engine.loops import Loops
from edgemed_models.engine.rewording import ENOUGH, TIMES, Rewording

from edgemed.clinic.reviewing.review import review
from edgemed.clinic.reviewing.usable import instructions, unusable
from tests.edgemed.clinic.written import pairs


def loops(text: str, read: str) -> bool:
    """Whether the engine, having read `read`, would have ended it; a word or sign is a token."""
    found, numbers = Loops(read), dict[str, int]()
    pieces = re.findall(r"\s*(?:\w+|[^\w\s]|\n)", text)
    return any(found.add(numbers.setdefault(p.strip(" "), len(numbers)), p) for p in pieces)


def said_again(text: str, read: str) -> int:
    """The highest count of signs that say nothing new, of the two ways to cut a text."""
    rewording, most = Rewording(read), 0
    for piece in [*re.findall(r"\s*\S+", text), "\n"]:
        rewording.add(piece)
        most = max([most, *(row.count for row in rewording.rows if row.times >= TIMES)])
    return most


def main() -> None:
    """Count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--each", type=int, default=10, metavar="N", help="hold every Nth to source"
    )
    each = parser.parse_args().each
    texts = list(pairs())
    print(f"{len(texts)} texts")
    print(f"ended as a loop: {sum(loops(text, dialogue) for text, dialogue in texts)}")
    again = max(said_again(text, dialogue) for text, dialogue in texts)
    print(f"signs in a row that say nothing new: {again} at most, {ENOUGH} are a loop")
    print(f"repeat or copy: {sum(bool(unusable('', t, (), instructions())) for t, _ in texts)}")
    held = texts[::each]
    against = [review(dialogue, text) for text, dialogue in held]
    print(
        f"unusable of {len(held)} held to their dialogues: {sum(bool(r.unusable) for r in against)}"
    )
    shares = sorted(
        sum(c.label in ("not found", "contradicted") for c in r.claims) / len(r.claims)
        for r in against
        if len(r.claims) >= 4
    )
    print(f"claims not found or contradicted: highest share of {len(shares)}: {shares[-1]:.2f}")


if __name__ == "__main__":
    main()
