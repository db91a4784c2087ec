"""Instructions on everyday texts that can be verified, and composites: clinical tasks in a format.

Kinds are layouts, frames, selections of lines and short answers. Some pairs of topic and layout and
of layout and frame are held out for the test. Composite items are for scoring only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from . import everyday_words as words
from .clinical_tasks import clinical_item
from .everyday_words import Scene, draw_scene
from .formats import FRAMES, LAYOUTS, demand, draw_frame, read_layout, words_of, write_layout
from .items import Item, fact_f1
from .patients import Split, is_held_out

Picked = tuple[str, tuple[str, ...]]  # the request, the lines that remain
ORDINALS = ("first", "second", "third", "fourth")
NUMBERS = ("one", "two", "three", "four")

SELECTIONS: dict[str, Callable[[Random, Scene], Picked]] = {
    "first-only": lambda r, s: ("Give only the first one.", s.lines[:1]),
    "last-only": lambda r, s: ("Give only the last one.", s.lines[-1:]),
    "first-two": lambda r, s: ("Give only the first two.", s.lines[:2]),
    "reverse": lambda r, s: ("Give them in reverse order.", s.lines[::-1]),
    "without": lambda r, s: (f"Leave out: {s.lines[-1]}", s.lines[:-1]),
    "with": lambda r, s: (f"Also add: {s.absent}", (*s.lines, s.absent)),
    "nth": lambda r, s: nth(r, s),
}


def nth(rng: Random, scene: Scene) -> Picked:
    place = rng.randrange(len(scene.lines))
    return f"Give only the {ORDINALS[place]} one.", scene.lines[place : place + 1]


def mention(rng: Random, s: Scene) -> tuple[str, str]:
    word, there = (rng.choice(s.lines), True) if rng.random() < 0.5 else (s.absent, False)
    there = there or word in s.text
    return f"Does the text say: {word}? Answer yes or no.", "yes" if there else "no"


def repeat(rng: Random, s: Scene) -> tuple[str, str]:
    times, word = rng.randint(2, 4), rng.choice(words.CODES)
    return f"Say the word {word} {NUMBERS[times - 1]} times.", " ".join([word] * times)


def sentence(rng: Random, s: Scene) -> tuple[str, str]:
    return "Copy the first sentence.", s.text.split(". ")[0].rstrip(".") + "."


def last_sentence(rng: Random, s: Scene) -> tuple[str, str]:
    return "Copy the last sentence.", s.text.rstrip(".").split(". ")[-1] + "."


def last_word(rng: Random, s: Scene) -> tuple[str, str]:
    return "Answer with one word: what is the last word of the text?", words_of(s.text)[-1]


def first_word(rng: Random, s: Scene) -> tuple[str, str]:
    return "Answer with one word: what is the first word of the text?", words_of(s.text)[0]


def capitals(rng: Random, s: Scene) -> tuple[str, str]:
    word = rng.choice(words.CODES)
    return f"Write the word {word} in capital letters.", word.upper()


def lower_case(rng: Random, s: Scene) -> tuple[str, str]:
    word = rng.choice(words.CODES)
    return f"Write the word {word.upper()} in lower case.", word


def capital_start(rng: Random, s: Scene) -> tuple[str, str]:
    word = rng.choice(words.CODES)
    return f"Write the word {word} with a capital letter.", word.capitalize()


def how_many(rng: Random, s: Scene) -> tuple[str, str]:
    said = [rng.choice(words.CODES) for _ in range(rng.randint(1, 4))]
    return f"How many words are these? {' '.join(said)}", NUMBERS[len(said) - 1]


def choose(rng: Random, s: Scene) -> tuple[str, str]:
    a, b = rng.sample(words.CODES, 2)
    first = rng.random() < 0.5
    return f"Choose the {'first' if first else 'second'}: {a} or {b}.", a if first else b


def exchange(rng: Random, s: Scene) -> tuple[str, str]:
    a, b, c = rng.sample(words.CODES, 3)
    return f"Replace {a} with {b}: {c} {a} {c}", f"{c} {b} {c}"


def key_values(rng: Random, s: Scene) -> tuple[str, str]:
    name, city = rng.choice(words.NAMES), rng.choice(words.CITIES)
    return (
        f"{name} lives in {city}. Answer in JSON with the keys name and city.",
        f'{{"name": "{name}", "city": "{city}"}}',
    )


def placeholder(rng: Random, s: Scene) -> tuple[str, str]:
    word = rng.choice(words.CODES)
    return f"Write a placeholder for {word} in square brackets.", f"[{word}]"


SHORT: dict[str, Callable[[Random, Scene], tuple[str, str]]] = {
    "mention": mention,
    "repeat": repeat,
    "first-sentence": sentence,
    "last-sentence": last_sentence,
    "last-word": last_word,
    "first-word": first_word,
    "capitals": capitals,
    "lower-case": lower_case,
    "capital-start": capital_start,
    "how-many": how_many,
    "choose": choose,
    "exchange": exchange,
    "key-values": key_values,
    "placeholder": placeholder,
}
INSTRUCTION_KINDS = (*LAYOUTS, *FRAMES, *SELECTIONS, *SHORT)


@dataclass(frozen=True, slots=True)
class Demand:
    """An instruction's parts: which formats, and the exact text around the lines."""

    item: Item
    layout: str
    before: str
    after: str


def draw_formats(rng: Random, topic: str, split: Split) -> tuple[str, str]:
    """A layout, a frame or both; for the test, a pair that was never trained on."""
    while True:
        layout = rng.choice(tuple(LAYOUTS)) if rng.random() < 0.85 else ""
        frame = rng.choice(tuple(FRAMES)) if rng.random() < 0.4 or not layout else ""
        if is_new_pair(topic, layout, frame) == (split == "test"):
            return layout, frame


def is_new_pair(topic: str, layout: str, frame: str) -> bool:
    """Whether a pair of topic and layout, or of layout and frame, is held out for the test."""
    with_frame = bool(frame) and is_held_out(layout, frame)
    return bool(layout) and (with_frame or is_held_out(topic, layout))


def formatted(rng: Random, scene: Scene, split: Split, selection: str) -> Demand:
    """Lines of a scene, or a selection of them, in a demanded format."""
    if selection and rng.random() < 0.4:
        layout, frame = "", ""
    else:
        layout, frame = draw_formats(rng, scene.topic, split)
    picked, lines = SELECTIONS[selection](rng, scene) if selection else ("", scene.lines)
    asked, before, after = draw_frame(rng, frame)
    parts = [scene.request, picked, demand(layout, rng), asked]
    prompt = f"{scene.text}\n{' '.join(p for p in parts if p)}"
    answer = f"{before}{write_layout(lines, layout)}{after}"
    names = "+".join(n for n in (selection, layout, frame) if n)
    item = Item(names.split("+")[0], prompt, answer, lines, names)
    return Demand(item, layout, before, after)


def draw_instruction(rng: Random, split: Split) -> Demand:
    """One instruction item; lines in a format in six of ten, else a selection or short answer."""
    share = rng.random()
    if share < 0.55:
        return formatted(rng, draw_scene(rng), split, "")
    if share < 0.75:
        return formatted(rng, draw_scene(rng, least=2), split, rng.choice(tuple(SELECTIONS)))
    scene = draw_scene(rng)
    kind = rng.choice(tuple(SHORT))
    asked, answer = SHORT[kind](rng, scene)
    item = Item(kind, f"{scene.text}\n{asked}", answer, (answer,), kind)
    return Demand(item, "", "", "")


def draw_composite(rng: Random, kind: str, split: Split = "test") -> Demand:
    """A clinical task with a demanded format, which neither parent was trained on."""
    base = clinical_item(rng, kind, split)
    layout = rng.choice(tuple(LAYOUTS))
    frame = rng.choice(tuple(FRAMES)) if rng.random() < 0.3 else ""
    asked, before, after = draw_frame(rng, frame)
    prompt = " ".join(p for p in (base.prompt, demand(layout, rng), asked) if p)
    answer = f"{before}{write_layout(base.lines, layout)}{after}"
    names = "+".join(n for n in (layout, frame) if n)
    return Demand(Item(kind, prompt, answer, base.lines, names), layout, before, after)


def lines_within(demanded: Demand, answer: str) -> tuple[str, ...] | None:
    """The lines of an answer in the demanded format, or None if it has another."""
    text = answer.strip()
    before, after = demanded.before.lstrip(), demanded.after.rstrip()
    if not (text.startswith(before) and text.endswith(after)):
        return None
    body = text[len(before) : len(text) - len(after)]
    return read_layout(body, demanded.layout)


def score(demanded: Demand, answer: str) -> float:
    """1 if the answer has the demanded lines and format, else 0."""
    lines = lines_within(demanded, answer)
    return float(lines is not None and lines == demanded.item.lines)


def composite_score(demanded: Demand, answer: str) -> float:
    """Fact F1 of a summary in the demanded format; 0 if it does not have the format."""
    lines = lines_within(demanded, answer)
    return fact_f1(lines, demanded.item.lines) if lines is not None else 0.0
