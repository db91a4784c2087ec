"""Invented stays in hospital: what the ward wrote from day to day, and the summary at discharge.

A case is a main problem with one of several courses, and up to three other problems that fit with
it. What a summary must contain is scattered over the chart: why, what was done, the drugs at
discharge, what is still pending, who follows up.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from edgemed.evals.synthetic.compose import (
    Slots,
    capital,
    drawn,
    ended,
    filled,
    joined,
    one,
    value_of,
)
from edgemed.storage.bounded import toml_of

BESIDES = (0, 1, 1, 2, 2, 3)  # how many other problems, by chance
SEXES: Mapping[str, Slots] = {
    "man": {"he": "he", "his": "his", "him": "him", "man": "man"},
    "woman": {"he": "she", "his": "her", "him": "her", "man": "woman"},
}
CONDITION = {
    "home": ("stable, oriented, walking independently", "good; eats, walks, pain controlled",
             "improved and stable on room air, independent in daily activities"),
    "home with oxygen": ("stable on oxygen as prescribed, walks short distances",),
    "rehabilitation": ("stable, needs help with transfers", "stable, walks with a frame and help"),
}  # fmt: skip
ADMISSIONS = (
    "ADMISSION NOTE\n{Who}. {came}\nPast history: {history}. Home medications: {homes}.\n{found}",
    "Admitted: {who}. PMH {history}. Takes {homes}.\nHPI: {came}\nData: {found}",
    "H&P. {came} {Who}; history: {history}. Meds at home: {homes}. {found}",
)
NUMBERED = ("Day {n}: ", "HD{n} - ", "[day {n}] ")

Table = Mapping[str, Any]


class Problem(NamedTuple):
    """A problem of a case with its slots: the main one in its turn, or one beside it."""

    table: Table
    slots: Slots

    def all(self, key: str) -> list[str]:
        """Every sentence under a key."""
        return [filled(text, self.slots) for text in self.table.get(key, ())]

    def any(self, rng: Random, key: str) -> str:
        """One of the sentences under a key."""
        return filled(one(rng, self.table.get(key, "")), self.slots)


class Stay(NamedTuple):
    """A case: the main problem first."""

    problems: Sequence[Problem]
    who: str
    to: str

    def all(self, *keys: str) -> list[str]:
        """Every sentence of all problems under some keys, none twice."""
        return list(
            dict.fromkeys(text for p in self.problems for key in keys for text in p.all(key))
        )

    def homes(self) -> list[str]:
        """What the patient took at home."""
        return [p.table["home"] for p in self.problems if p.table.get("home")]

    def histories(self) -> list[str]:
        """What the patient had before."""
        told = (p.table.get("history") for p in self.problems)
        return list(dict.fromkeys(text for text in told if text))


def problems() -> Table:
    """The tables of problems."""
    return toml_of(Path(__file__).with_name("stays.toml").read_text("utf-8"))


def stay(rng: Random, tables: Table, main: Table) -> tuple[str, str]:
    """The chart of a stay, and its summary."""
    case = made(rng, tables, main)
    return chart(rng, case), summary(rng, case)


def made(rng: Random, tables: Table, main: Table) -> Stay:
    """A case of this main problem."""
    sex = rng.choice(list(SEXES))
    turn = main | rng.choice(main["turn"])
    common: Slots = dict(SEXES[sex])
    slots = dict(common)
    drawn(rng, main["slots"], slots)
    fitting = [b for b in tables["beside"] if fits(b, turn, sex)]
    chosen = rng.sample(fitting, min(rng.choice(BESIDES), len(fitting)))
    if {"lisinopril", "hypertension"} <= {b["id"] for b in chosen}:
        chosen = [b for b in chosen if b["id"] != "hypertension"]
    others = []
    for table in chosen:
        own = dict(common)
        drawn(rng, table.get("slots", {}), own)
        others.append(Problem(table, own))
    to = turn.get("to", "home")
    if any("home oxygen" in text for text in turn.get("start", ())):
        to = "home with oxygen"
    who = f"{value_of(rng, main['ages'], {})}-year-old {sex}"
    return Stay([Problem(turn, slots), *others], who, to)


def fits(beside: Table, turn: Table, sex: str) -> bool:
    """Whether a problem can be combined with a main one."""
    kept = beside["id"] in turn.get("only", (beside["id"],))
    apart = beside["id"] in turn.get("not", ()) or turn["id"] in beside.get("not", ())
    with_it = turn["id"] in beside.get("with", (turn["id"],))
    return kept and with_it and not apart and beside.get("sex", sex) == sex


def chart(rng: Random, case: Stay) -> str:
    """What the ward wrote, a line a day, and the orders of the last day."""
    main = case.problems[0]
    began = rng.choice(ADMISSIONS).format(
        who=case.who,
        Who=capital(case.who),
        history=", ".join(case.histories()) or "none of note",
        homes="; ".join(case.homes()) or "no regular drugs",
        came=capital(main.any(rng, "came")),
        found=capital(main.any(rng, "found")),
    )
    return "\n".join([began, *days(rng, case), *orders(rng, case)])


def days(rng: Random, case: Stay) -> Iterator[str]:
    """The entries of each day; other problems appear on some day after the first."""
    entries = [[capital(text)] for text in case.problems[0].all("days")]
    for problem in case.problems[1:]:
        entries[rng.randrange(1, len(entries))].append(capital(problem.any(rng, "chart")))
    label = rng.choice(NUMBERED)
    for number, lines in enumerate(entries, 1):
        rng.shuffle(lines)
        yield label.format(n=number) + " ".join(lines)


def orders(rng: Random, case: Stay) -> Iterator[str]:
    """The orders of the last day: drugs at discharge, pending results, who follows up."""
    drugs = [*case.all("start", "add", "change"), *(f"continue {d}" for d in continued(case))]
    drugs += [f"resume {d}" for d in case.all("resume")]
    drugs += [f"STOP {d}" for d in case.all("stop")] + [f"HOLD {d}" for d in case.all("hold")]
    rng.shuffle(drugs)
    yield f"DISCHARGE ORDERS\nMedications: {'; '.join(drugs)}."
    if open_results := case.all("pending"):
        yield f"Not back yet: {'; '.join(open_results)}."
    yield f"To {case.to}. Appointments: {'; '.join(case.all('follow'))}."


def continued(case: Stay) -> list[str]:
    """What the patient took at home and continues unchanged."""
    touched = ("resume", "hold", "change", "stop")
    return [
        p.table["home"]
        for p in case.problems
        if p.table.get("home") and not any(p.table.get(key) for key in touched)
    ]


def summary(rng: Random, case: Stay) -> str:
    """The summary at discharge, in one of the ways in which they are written."""
    return rng.choice((by_sections, by_problems, as_prose))(rng, case)


def by_sections(rng: Random, case: Stay) -> str:
    """A heading for each part."""
    main = case.problems[0]
    course = joined([p.any(rng, "sums") for p in case.problems])
    parts = {
        "Reason for admission": f"{capital(case.who)} with {main.any(rng, 'reason')}",
        "Past history": ", ".join(case.histories()),
        "Hospital course": course,
        "Procedures": "; ".join(case.all("procedures")) or "none",
        **drug_parts(case),
        "Pending at discharge": "; ".join(case.all("pending")) or "none",
        "Condition": f"{condition(rng, case)}; discharged to {place(case)}",
        "Follow-up": "; ".join(case.all("follow")),
    }
    return "\n".join(f"{name}: {ended(capital(text))}" for name, text in parts.items() if text)


def by_problems(rng: Random, case: Stay) -> str:
    """The course as a list of problems."""
    main = case.problems[0]
    told = [p.any(rng, "sums") for p in case.problems]
    titles = [capital(main.table["name"]), *(p.table["id"] for p in case.problems[1:])]
    listed = [text for text in (f"{titles[0]}: {told[0]}", *told[1:]) if text]
    history = ", ".join(case.histories())
    lines = [
        f"{capital(case.who)}{f' with a history of {history},' if history else ''} admitted for "
        f"{main.any(rng, 'reason')}.",
        *(f"{number}. {text}" for number, text in enumerate(listed, 1)),
    ]
    if done := case.all("procedures"):
        lines.append(ended(f"Procedures: {'; '.join(done)}"))
    lines += [ended(f"{name}: {text}") for name, text in drug_parts(case).items() if text]
    if open_results := case.all("pending"):
        lines.append(ended(f"Pending: {'; '.join(open_results)}"))
    lines.append(ended(f"Discharged to {place(case)}, {condition(rng, case)}"))
    return "\n".join([*lines, ended(f"Follow-up: {'; '.join(case.all('follow'))}")])


def as_prose(rng: Random, case: Stay) -> str:
    """Two paragraphs."""
    main = case.problems[0]
    course = joined([p.any(rng, "sums") for p in case.problems])
    history = ", ".join(case.histories())
    began = f"This {case.who}{f' ({history})' if history else ''} was admitted for"
    drugs = joined([ended(f"{name}: {text}") for name, text in drug_parts(case).items() if text])
    done = case.all("procedures")
    pending = case.all("pending")
    return "\n\n".join(
        [
            joined([f"{began} {main.any(rng, 'reason')}.", course,
                    ended(f"Procedures: {'; '.join(done)}") if done else ""]),
            joined([drugs, ended(f"Still pending: {'; '.join(pending)}") if pending else "",
                    ended(f"On discharge to {place(case)}: {condition(rng, case)}"),
                    ended(f"Follow-up with {'; '.join(case.all('follow'))}")]),
        ]
    )  # fmt: skip


def place(case: Stay) -> str:
    """Where the patient goes."""
    return case.to.partition(" ")[0]


def condition(rng: Random, case: Stay) -> str:
    """The condition at discharge: that of this course, or one that fits the destination."""
    return case.problems[0].any(rng, "condition") or rng.choice(CONDITION[case.to])


def drug_parts(case: Stay) -> dict[str, str]:
    """The changes of medication by kind; empty if there are none."""
    return {
        "New medications": "; ".join(case.all("start", "add")),
        "Changed": "; ".join(case.all("change")),
        "Stopped": "; ".join(case.all("stop")),
        "On hold": "; ".join(case.all("hold")),
        "Continued": "; ".join([*continued(case), *case.all("resume")]),
    }
