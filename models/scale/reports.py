"""Everyday reports: texts of which short lines of several kinds are kept, in any format.

The texts of `everyday_words` ask for lists of like things. A summary has lines of several kinds in
a fixed order, each in its own words, so these teach to do that under a format as well: on journeys,
orders, jobs, homes, questions and the topics of report_topics, never on anything clinical. For
training only.
"""

from collections.abc import Callable
from random import Random

from edgemed_models.scale import everyday_words as words
from edgemed_models.scale.formats import demand, draw_frame, write_layout
from edgemed_models.scale.items import Item
from relayout import draw_format
from report_topics import TOPICS

Report = tuple[str, tuple[str, ...], str]  # the text, the lines kept of it, the request


def journey(rng: Random) -> Report:
    name, way = rng.choice(words.NAMES), rng.choice(("bus", "train", "ferry", "tram"))
    city, days = rng.choice(words.CITIES), rng.randint(2, 14)
    never = rng.sample(words.GOODS, rng.randint(1, 2))
    packed = things(rng, rng.randint(1, 2))
    text = (
        rng.choice(("{n} leaves by {w} and", "By {w} {n} travels far and", "{n} takes a {w} and"))
        + rng.choice((" stays in {c} for {d} days.", " spends {d} days in {c}."))
        + aside(rng)
        + rng.choice((" {n} never eats {e}.", " No {e} for {n}.", " {n} does not like {e}."))
        + rng.choice((" In the bag are {p}.", " {n} packs {p}.", " Packed: {p}."))
    ).format(n=name, w=way, c=city, d=days, e=" or ".join(never), p=" and ".join(packed))
    lines = (
        f"goes by {way}",
        f"stays in {city} for {days} days",
        *(f"eats no {x}" for x in never),
        *(f"packs {x}" for x in packed),
    )
    return text, lines, rng.choice(("Describe the journey.", "Write the travel plan."))


def order(rng: Random) -> Report:
    wanted, day = things(rng, 1)[0], rng.choice(words.DAYS)
    missing = rng.sample(words.GOODS, rng.randint(1, 3))
    city, pay = rng.choice(words.CITIES), rng.choice(("card", "cash", "letter", "phone"))
    asked = [
        (("What do you want?", "How can I help?"), ("I would like {}.", "{} please."), wanted),
        (("Do you need {}?", "Any {}?"), ("No.", "No, thank you.", "None of that."), ""),
        (("How do you pay?", "And the money?"), ("By {}.", "I use {}."), pay),
        (("When and where?", "Where to?"), ("{} please.", "Bring it {}."), f"on {day} to {city}"),
    ]
    said = [
        f"Clerk: {rng.choice(a).format(' or '.join(missing))}\nGuest: {rng.choice(b).format(x)}"
        for a, b, x in asked
    ]
    if rng.random() < 0.5:
        said.insert(rng.randint(0, 3), "Clerk: Did it rain?\nGuest: Yes, it did.")
    lines = (
        f"wants {wanted}",
        *(f"needs no {x}" for x in missing),
        f"pays by {pay}",
        f"bring on {day} to {city}",
    )
    return "\n".join(said), lines, rng.choice(("Note the order.", "Turn this into an order."))


def job(rng: Random) -> Report:
    name, work = rng.choice(words.NAMES), rng.choice(words.JOBS)
    done = [(rng.choice(words.VERBS), x) for x in rng.sample(words.PLACES, rng.randint(1, 3))]
    weeks, city = rng.randint(2, 12), rng.choice(words.CITIES)
    text = (
        rng.choice(("{n} was hired as a {w}.", "{n}, a {w}, came to help."))
        + aside(rng)
        + rng.choice((" The work: {d}.", " {n} had to {d}."))
        + aside(rng)
        + rng.choice((" Then back to {c} for {k} weeks.", " {k} weeks in {c} came after."))
    )
    text = text.format(
        n=name, w=work, d=" and ".join(f"{v} the {p}" for v, p in done), c=city, k=weeks
    )
    lines = (
        f"hired as {work}",
        *(f"had to {verb} the {place}" for verb, place in done),
        f"then {weeks} weeks in {city}",
    )
    return text, lines, rng.choice(("Summarize the job.", "Write a short work report."))


def home(rng: Random) -> Report:
    places = rng.sample(words.PLACES, rng.randint(1, 3))
    pairs = [(p, things(rng, 1)[0]) for p in places]
    shapes = ("In the {p} are {x}.", "The {p} holds {x}.", "For the {p} there are {x}.")
    animal, count = rng.choice(words.ANIMALS), rng.randint(2, 90)
    text = " ".join(
        (
            *(rng.choice(shapes).format(p=p, x=x) for p, x in pairs),
            f"There is also a {animal} of {count} kg.{aside(rng)}",
        )
    )
    lines = (*(f"{p}: {x}" for p, x in pairs), f"heavy {animal}: {count} kg")
    return text, lines, rng.choice(("Write the house list.", "List the rooms and what they hold."))


QUESTIONS = (
    ("when does the {w} to {c} leave?", ("I need the time of the {w} to {c}.",)),
    ("how far is {c}?", ("I wonder about the way to {c}.", "Is it a long way to {c}?")),
    ("who sells {g}?", ("I have looked for {g} all day.", "Nobody here seems to have {g}.")),
    ("can I bring my {a}?", ("I never travel without my {a}.", "Is it all right to take a {a}?")),
    ("is the {p} open?", ("I stood before the {p} and could not go in.",)),
)


def question(rng: Random) -> Report:
    named = {
        "w": rng.choice(("bus", "train", "ferry")),
        "c": rng.choice(words.CITIES),
        "g": rng.choice(words.GOODS),
        "a": rng.choice(words.ANIMALS),
        "p": rng.choice(words.PLACES),
    }
    short, long = rng.choice(QUESTIONS)
    opening = rng.choice(("Hello, ", "Dear Sir, ", "Good day. ", ""))
    who = f"I am a {rng.choice(words.JOBS)} from {rng.choice(words.CITIES)}."
    text = f"{opening}{who}{aside(rng)} {rng.choice(long).format(**named)}"
    return text, (short.format(**named),), rng.choice(("What is asked?", "Ask it in short."))


def told(rng: Random) -> Report:
    """Two or more facts of a topic, each said in one of its ways, perhaps an aside between."""
    topic = rng.choice(TOPICS)
    said = slots(rng)
    chosen = sorted(rng.sample(range(len(topic.facts)), rng.randint(2, len(topic.facts))))
    facts = [topic.facts[n] for n in chosen]
    sentences = [rng.choice(ways).format(**said) for _, ways in facts]
    sentences.insert(rng.randint(0, len(facts)), aside(rng).strip())
    text = " ".join(sentence for sentence in sentences if sentence)
    return text, tuple(line.format(**said) for line, _ in facts), rng.choice(topic.requests)


def slots(rng: Random) -> dict[str, str]:
    """Words for every slot of `report_topics`."""
    name, other = rng.sample(words.NAMES, 2)
    city, town = rng.sample(words.CITIES, 2)
    thing, stuff = things(rng, 2)
    return {
        "name": name,
        "other": other,
        "city": city,
        "town": town,
        "thing": thing,
        "stuff": stuff,
        "day": rng.choice(words.DAYS),
        "n": str(rng.randint(2, 60)),
        "m": str(rng.randint(10, 59)),
        "good": rng.choice(words.GOODS),
        "room": rng.choice(words.PLACES),
        "animal": rng.choice(words.ANIMALS),
        "job": rng.choice(words.JOBS),
        "word": rng.choice(words.CODES),
    }


def things(rng: Random, count: int) -> list[str]:
    """So many things with number and colour."""
    return [
        f"{rng.randint(2, 48)} {rng.choice(words.COLORS)} {thing}"
        for thing in rng.sample(words.THINGS, count)
    ]


def aside(rng: Random) -> str:
    """A sentence that no answer keeps, or nothing."""
    said = rng.choice(words.ASIDES).format(day=rng.choice(words.DAYS), other="A neighbour")
    return f" {said}" if rng.random() < 0.6 else ""


OWN: tuple[Callable[[Random], Report], ...] = (journey, order, job, home, question)
OWN_SHARE = 0.35  # the rest are told from the table of topics


def draw_report(rng: Random) -> Item:
    """One report and its lines, two times in three with a layout or a frame."""
    make = rng.choice(OWN) if rng.random() < OWN_SHARE else told
    text, lines, request = make(rng)
    layout, frame = draw_format(rng) if rng.random() < 0.75 else ("", "")
    asked, before, after = draw_frame(rng, frame)
    prompt = f"{text}\n{' '.join(p for p in (request, demand(layout, rng), asked) if p)}"
    answer = f"{before}{write_layout(lines, layout)}{after}"
    return Item("report", prompt, answer, lines, "+".join(n for n in (layout, frame) if n))
