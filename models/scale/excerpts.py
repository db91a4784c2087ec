"""Sentences of any text, copied under a demanded format, as no summary ever is.

If formats were seen on everyday texts only, a format would come to mean "nothing clinical here".
Only the base reads these; neither fine-tune does.
"""

from random import Random

from edgemed_models.scale.clinical_tasks import CLINICAL_KINDS, RENDERERS
from edgemed_models.scale.everyday_words import draw_scene
from edgemed_models.scale.formats import demand, draw_frame, write_layout
from edgemed_models.scale.items import Item
from edgemed_models.scale.patients import draw_patient
from relayout import draw_format

CHOICES = (
    (slice(0, 1), ("Copy the first sentence.", "Give the first sentence.")),
    (slice(0, 2), ("Copy the first two sentences.", "Give the first two sentences.")),
    (slice(0, 3), ("Copy the first three sentences.",)),
    (slice(-1, None), ("Copy the last sentence.", "Give the last sentence.")),
    (slice(-2, None), ("Copy the last two sentences.", "Give the last two sentences.")),
)


def sentences_of(text: str) -> tuple[str, ...]:
    """The sentences of a generated text, each with its closing mark."""
    marked = text.replace("? ", "?\n").replace(". ", ".\n")
    return tuple(line for line in marked.split("\n") if line)


def draw_excerpt(rng: Random) -> Item:
    """One item, two times in three on a note; for training only."""
    if rng.random() < 0.67:
        kind = rng.choice(CLINICAL_KINDS)
        text, topic = RENDERERS[kind](rng, draw_patient(rng, "train"), "train")[0], ""
    else:
        scene = draw_scene(rng)
        text, topic = scene.text, scene.topic
    place, requests = rng.choice(CHOICES)
    lines = sentences_of(text)[place]
    layout, frame = draw_format(rng, topic) if rng.random() < 0.8 else ("", "")
    asked, before, after = draw_frame(rng, frame)
    request = " ".join(p for p in (rng.choice(requests), demand(layout, rng), asked) if p)
    answer = f"{before}{write_layout(lines, layout)}{after}"
    return Item("excerpt", f"{text}\n{request}", answer, lines)
