"""Invented radiology reports: what was found, and the impression that a radiologist draws from it.

A case is a study, the question that it is to answer, at most one finding that answers it,
incidental ones, and an earlier study or none. The impression answers the question first, then goes
by urgency.
"""

from collections.abc import Mapping, Sequence
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

NOTHING, EARLIER, ASKED_ELSE = 0.22, 0.45, 0.35  # how often
INCIDENTAL = (0, 0, 0, 0, 1, 1, 1, 1, 2)  # how many of them, by chance
LATE = 4  # from this rank on a finding is harmless enough to be only "unchanged"
AGES, USUAL = "34..84", ("5 weeks", "3 months", "8 months", "14 months", "2 years")

Table = Mapping[str, Any]


class Found(NamedTuple):
    """A finding of a case: its sentence, what the impression says of it, and what else it shows."""

    part: str
    text: str
    says: str
    rank: int
    also: Mapping[str, str]


def studies() -> Table:
    """The table of studies."""
    return toml_of(Path(__file__).with_name("radiology.toml").read_text("utf-8"))


def report(rng: Random, study: Table) -> tuple[str, str]:
    """A report without its impression, and the impression."""
    slots: Slots = {}
    drawn(rng, study.get("slots", {}), slots)
    main = None if rng.random() < NOTHING else rng.choice(of_class(study, "main"))
    earlier = rng.random() < EARLIER and (main is None or bool({"before", "fresh"} & set(main)))
    before = earlier_form(rng, main) if main is not None and earlier else None
    if main is not None:
        drawn(rng, {**main.get("slots", {}), **(before or {}).get("slots", {})}, slots)
    ask = asked(rng, study, main)
    drawn(rng, ask.get("slots", {}), slots)
    found = [] if main is None else [shown(rng, main, before, earlier, slots)]
    found += incidental(rng, study, main, ask, earlier, slots)
    age = (before or {}).get("age") or rng.choice(USUAL)
    head = heading(rng, study, ask, slots, f"{study['prior']} of {age} ago" if earlier else "")
    impression = concluded(rng, ask, main, found, slots)
    return f"{head}\n{findings(rng, study, found, slots)}", impression


def of_class(study: Table, name: str) -> list[Table]:
    """The findings of a class."""
    return [finding for finding in study["finding"] if finding["class"] == name]


def earlier_form(rng: Random, finding: Table) -> Table | None:
    """How a finding compares with an earlier study; None if it is new."""
    forms: list[Table | None] = [*finding.get("before", ())]
    forms += [None] if finding.get("fresh") else []
    return rng.choice(forms)


def asked(rng: Random, study: Table, main: Table | None) -> Table:
    """The question: one that the finding answers, or another that is answered beside it."""
    asks: Sequence[Table] = study["ask"]
    if main is None:
        return rng.choice([ask for ask in asks if "no" in ask])
    answers = [ask for ask in asks if main["id"] in ask["yes"]]
    others = [ask for ask in asks if "else" in ask and main["id"] not in ask["yes"]]
    if not answers or (others and rng.random() < ASKED_ELSE):
        return rng.choice(others)
    return rng.choice(answers)


def shown(rng: Random, finding: Table, before: Table | None, earlier: bool, slots: Slots) -> Found:
    """A finding with its sentence and its line of the impression."""
    told = {**finding, **(before or {})}
    text, says = (filled(one(rng, told[key]), slots) for key in ("text", "says"))
    advice = filled(one(rng, told.get("advice", "")), slots)
    if earlier and before is None and finding.get("fresh"):
        text, says = (
            f"{text} This is new since the comparison.",
            f"{says}; new since the comparison",
        )
    also = {part: filled(line, slots) for part, line in finding.get("also", {}).items()}
    return Found(
        finding["part"], text, joined([ended(capital(says)), advice]), finding["rank"], also
    )


def incidental(
    rng: Random, study: Table, main: Table | None, ask: Table, earlier: bool, slots: Slots
) -> list[Found]:
    """Findings that nobody asked about, in parts of the report that are still free."""
    taken = {main["part"], *main.get("also", ())} if main else set()
    shunned = {*(main or {}).get("not", ()), *ask.get("not", ())}
    found: list[Found] = []
    for finding in rng.sample(sides := of_class(study, "side"), len(sides)):
        against = {*finding.get("not", ())} & {(main or {}).get("id")}
        comparable = not earlier or "before" in finding or finding["rank"] >= LATE
        if finding["part"] in taken or finding["id"] in shunned or against or not comparable:
            continue
        taken.add(finding["part"])
        found.append(beside(rng, finding, earlier, dict(slots)))
    return sorted(found[: rng.choice(INCIDENTAL)], key=lambda one: one.rank)


def beside(rng: Random, finding: Table, earlier: bool, slots: Slots) -> Found:
    """An incidental finding; known ones are unchanged, and need no advice again."""
    for name in finding.get("slots", {}):
        slots.pop(name, None)
    forms = finding.get("before", ())
    before = rng.choice(forms) if earlier and forms else None
    drawn(rng, {**finding.get("slots", {}), **(before or {}).get("slots", {})}, slots)
    made = shown(rng, finding, before, False, slots)
    if not earlier or before is not None:
        return made
    says = filled(one(rng, finding["says"]), slots)
    return made._replace(
        text=f"{ended(made.text)} Unchanged.", says=ended(capital(f"{says}, unchanged"))
    )


def heading(rng: Random, study: Table, ask: Table, slots: Slots, earlier: str) -> str:
    """Examination, indication and comparison, in one of the ways in which they are written."""
    exam = capital(filled(one(rng, study["exam"]), slots))
    years = value_of(rng, ask.get("ages", AGES), slots)
    sex = ask.get("sex") or rng.choice(("man", "woman"))
    why = filled(one(rng, ask["why"]), slots)
    compared = capital(earlier) or rng.choice(("None.", "None available.", "No prior studies."))
    if rng.random() < 0.5:
        return (
            f"EXAMINATION: {exam}.\nINDICATION: {years}-year-old {sex}, {why}.\n"
            f"COMPARISON: {ended(compared)}\n\nFINDINGS:"
        )
    return (
        f"{exam}\nHistory: {capital(ended(why))} {years} {'F' if sex == 'woman' else 'M'}.\n"
        f"Comparison: {ended(compared)}\nFindings:"
    )


def findings(rng: Random, study: Table, found: Sequence[Found], slots: Slots) -> str:
    """Every part of the report in its order: what was found there, or that nothing was."""
    lines = {
        part: ended_or_empty(filled(one(rng, told), slots))
        for part, told in study["normal"].items()
    }
    for one_found in found:
        lines |= dict(one_found.also)
    lines |= {one_found.part: ended(capital(one_found.text)) for one_found in found}
    layout = study.get("layout") or rng.choice(("labelled", "prose", "lines"))
    if layout == "labelled":
        return "\n".join(f"{filled(part, slots)}: {line}" for part, line in lines.items() if line)
    return joined(list(lines.values()), "\n" if layout == "lines" else " ")


def ended_or_empty(text: str) -> str:
    """A sentence, or nothing where nothing is said."""
    return capital(ended(text)) if text else ""


def concluded(
    rng: Random, ask: Table, main: Table | None, found: Sequence[Found], slots: Slots
) -> str:
    """The impression, as a list or as sentences."""
    lines = [one_found.says for one_found in found]
    if main is None:
        lines.insert(
            0, joined([filled(one(rng, ask["no"]), slots), one(rng, ask.get("advice", ""))])
        )
    elif main["id"] not in ask["yes"]:
        lines.insert(0, filled(one(rng, ask["else"]), slots))
    if len(lines) > 1 and rng.random() < 0.65:
        return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    return " ".join(lines)
