"""Formats on any words: lines of random words, to be written again under a demanded format.

The everyday texts alone teach a format on everyday lines only. Here the lines are random words of
the vocabulary, either given as they are or to be picked out of sentences whose carriers are random
too, so neither the words nor the task tell which format will come.
"""

from random import Random

from edgemed_models.scale.formats import FRAMES, LAYOUTS, demand, draw_frame, write_layout
from edgemed_models.scale.items import Item
from edgemed_models.scale.patients import is_held_out

REPEATS = ("Repeat the lines.", "Write these lines again.", "Give the lines.", "Copy the lines.")
PICKS = ("List what follows {}.", "Name what stands after {}.", "Give what comes after {}.")


def draw_format(rng: Random, topic: str = "") -> tuple[str, str]:
    """A layout and a frame, each perhaps "", with no pair in them that is kept for the test."""
    while True:
        layout = rng.choice(tuple(LAYOUTS)) if rng.random() < 0.8 else ""
        frame = rng.choice(tuple(FRAMES)) if rng.random() < 0.35 else ""
        with_frame = bool(layout and frame) and is_held_out(layout, frame)
        with_topic = bool(layout and topic) and is_held_out(topic, layout)
        if not (with_frame or with_topic):
            return layout, frame


def draw_words(rng: Random, words: list[str]) -> str:
    """One to six words, one in four of them a number."""
    chosen = (
        str(rng.randint(0, 999)) if rng.random() < 0.25 else rng.choice(words)
        for _ in range(rng.randint(1, 6))
    )
    return " ".join(chosen)


def picked(rng: Random, words: list[str], lines: tuple[str, ...]) -> tuple[str, str]:
    """A text that holds `lines` after one carrier and others after another; and the request."""
    sought, other = (" ".join(rng.choices(words, k=rng.randint(1, 2))) for _ in range(2))
    sentences = [f"{sought} {line}." for line in lines]
    for _ in range(rng.randint(0, 2)):
        at = rng.randint(0, len(sentences))
        sentences.insert(at, f"{other} {draw_words(rng, words)}.")
    return " ".join(sentences), rng.choice(PICKS).format(sought)


def draw_relayout(rng: Random, words: list[str]) -> Item:
    """One item, for training only."""
    lines = tuple(draw_words(rng, words) for _ in range(rng.randint(1, 5)))
    if rng.random() < 0.5:
        text, request = "\n".join(lines), rng.choice(REPEATS)
    else:
        text, request = picked(rng, words, lines)
    layout, frame = draw_format(rng)
    asked, before, after = draw_frame(rng, frame)
    prompt = f"{text}\n{' '.join(p for p in (request, demand(layout, rng), asked) if p)}"
    answer = f"{before}{write_layout(lines, layout)}{after}"
    return Item("relayout", prompt, answer, lines, "+".join(n for n in (layout, frame) if n))
