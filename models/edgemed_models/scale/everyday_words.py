"""Everyday texts for instructions: who did what with which things. Data, and the sentences."""

from random import Random
from typing import NamedTuple

from .items import with_article

NAMES = (
    "Anna Ben Carla David Emma Felix Grace Hugo Iris Jack Kate Leo Mia Noah Olga Paul"
    " Rosa Sam Tina Victor"
).split()
CITIES = (
    "Paris London Rome Berlin Madrid Vienna Oslo Dublin Prague Lisbon Athens Warsaw"
    " Geneva Milan Turin Lyon"
).split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
COLORS = "red blue green yellow black white brown grey purple orange".split()
THINGS = (
    "apples pears plums lemons eggs onions carrots potatoes tomatoes cookies candles cups plates"
    " spoons books pens maps lamps chairs boxes bottles baskets ropes nails shirts socks hats coats"
    " gloves scarves"
).split()
GOODS = (
    "rice flour sugar butter cheese salt coffee tea honey oats beans pasta bread milk cream".split()
)
VERBS = "clean paint repair wash move sell sort measure photograph lock".split()
PLACES = (
    "kitchen garden garage cellar attic fence gate roof window door stairs bicycle boat table"
    " cupboard"
).split()
ANIMALS = "dog cat horse rabbit parrot goat duck hen donkey turtle".split()
JOBS = "baker teacher farmer driver painter singer writer sailor tailor gardener".split()
TITLES = (
    "river mountain winter harbor forest island garden bridge letter mirror shadow journey".split()
)
CODES = (
    "marble window seven copper lantern paper velvet cloud anchor pepper signal button canyon"
    " meadow ribbon hammer orbit pebble sunset ticket violin walnut zebra echo falcon glacier"
    " harvest igloo jacket kettle ladder magnet needle ocean pillow quartz rocket saddle timber"
).split()


class Scene(NamedTuple):
    """A short text, a request, the lines of its answer, and one thing that is not in them."""

    topic: str
    text: str
    request: str
    lines: tuple[str, ...]
    absent: str


def amount(rng: Random) -> str:
    if rng.random() < 0.5:
        return f"{rng.randint(2, 48)} {rng.choice(COLORS)} {rng.choice(THINGS)}"
    unit = rng.choice(("g", "kg", "bags", "cups", "boxes"))
    return f"{rng.randint(2, 950)} {unit} of {rng.choice(GOODS)}"


def errand(rng: Random) -> str:
    return f"{rng.choice(VERBS)} the {rng.choice(COLORS)} {rng.choice(PLACES)}"


def guest(rng: Random) -> str:
    return f"{rng.choice(NAMES)} the {rng.choice(JOBS)} from {rng.choice(CITIES)}"


def departure(rng: Random) -> str:
    way = rng.choice(("bus", "train", "ferry"))
    return f"{rng.randint(1, 23)}:{rng.randint(10, 59)} {way} to {rng.choice(CITIES)}"


def animal(rng: Random) -> str:
    return f"{rng.randint(2, 12)}-year-old {rng.choice(COLORS)} {rng.choice(ANIMALS)}"


def title(rng: Random) -> str:
    return f"the {rng.choice(COLORS)} {rng.choice(TITLES)} of {rng.choice(CITIES)}"


def coded(rng: Random) -> str:
    return " ".join(rng.choice(CODES) for _ in range(rng.randint(2, 5)))


# topic: (what makes a line, sentences that keep it, sentences that do not, requests)
SCENES = {
    "shopping": (
        amount,
        ("{name} bought {x}.", "Then {name} also paid for {x}.", "In the basket went {x}."),
        ("{name} put back {x}.", "{name} did not buy {x}."),
        ("List what {name} bought.", "Name what was bought."),
    ),
    "recipe": (
        amount,
        ("Take {x}.", "Add {x}.", "You also need {x}."),
        ("Leave out {x}.", "Do not use {x}."),
        ("List the ingredients.", "Name what is needed."),
    ),
    "errands": (
        errand,
        ("{name} has to {x}.", "{name} must also {x}.", "It is time to {x}."),
        ("Nobody needs to {x}.", "There is no need to {x}."),
        ("List the errands.", "Name what there is to do."),
    ),
    "guests": (
        guest,
        ("{x} came.", "{x} was there.", "At the party was {x}."),
        ("{x} stayed at home.", "{x} could not come."),
        ("List the guests.", "Name who came."),
    ),
    "timetable": (
        departure,
        ("There is the {x}.", "The {x} is on time.", "Also running: the {x}."),
        ("The {x} is cancelled.", "Not today: the {x}."),
        ("List the departures.", "Name what runs today."),
    ),
    "pets": (
        animal,
        ("{name} has {a_x}.", "{name} feeds {a_x}.", "There also lives {a_x}."),
        ("{name} once had {a_x}.", "{name} never wanted {a_x}."),
        ("List the pets.", "Name the animals of {name}."),
    ),
    "books": (
        title,
        ("{name} read {x}.", "Another good book was {x}.", "{name} liked {x}."),
        ("{name} lost {x}.", "{name} never opened {x}."),
        ("List the books that were read.", "Name the books."),
    ),
    "codes": (
        coded,
        ("The code is {x}.", "Keep {x}.", "Note {x}."),
        ("Forget {x}.", "Drop {x}."),
        ("List the codes.", "Name what to keep."),
    ),
}
ASIDES = (
    "It rained all day.",
    "The sun came out.",
    "It was {day}.",
    "{other} waited outside.",
    "The street was quiet.",
    "Then came lunch.",
    "A bell rang twice.",
)


def draw_scene(rng: Random, least: int = 1) -> Scene:
    """A text with `least` to four things to list, up to one not to list, and up to two asides."""
    topic = rng.choice(tuple(SCENES))
    make, kept, dropped, requests = SCENES[topic]
    name, other = rng.sample(NAMES, 2)
    names = {"name": name, "other": other, "day": rng.choice(DAYS)}
    lines = tuple(make(rng) for _ in range(rng.randint(least, 4)))
    absent = make(rng)
    sentences = [rng.choice(kept).format(x=line, a_x=with_article(line), **names) for line in lines]
    without = {"x": absent, "a_x": with_article(absent)}
    extra = [rng.choice(dropped).format(**without, **names)] if rng.random() < 0.6 else []
    extra += [aside.format(**names) for aside in rng.sample(ASIDES, rng.randint(0, 2))]
    for sentence in extra:
        sentences.insert(rng.randint(0, len(sentences)), sentence)
    return Scene(topic, " ".join(sentences), rng.choice(requests).format(**names), lines, absent)
