"""The four divisions of a visit's note, as ACI-Bench scores them (Yim et al. 2023).

A division begins at the first line with one of its headings, and ends where another begins. Text
before the first heading counts as subjective. Headings are those that the benchmark's own tagger
knows; a space in one stands for any number of spaces. One with a colon also counts without it
where it is alone on its line.
"""

import re

HEADINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "subjective": (
        ("cc :", "chief complaint :", "reason for visit :", "chief complaint"),
        (
            "history :", "history of present illness :", "history of present illness", "hpi :",
            "hpi", "hpi notes :", "interval history :", "interval hx :", "subjective :",
        ),
        ("ros :", "review of system :", "review of systems :"),
        ("social history", "past history"),
    ),
    "objective_exam": (
        (
            "physical exam :", "physical examination :", "pe :", "physical findings :",
            "examination :", "exam :", "physical examination", "physical exam",
        ),
        ("vitals reviewed",),
    ),
    "objective_results": (("results :", "findings :", "results"),),
    "assessment_and_plan": (
        ("assessment :", "a:"),
        ("plan :", "plan of care :", "p:", "medical decision-making plan :", "summary plan"),
        (
            "ap :", "a / p :", "assessment and plan :", "assessment & plan :",
            "disposition / plan :", "assessment and plan",
        ),
    ),
}  # fmt: skip
IMPRESSION = re.compile(r"\s*IMPRESSION")  # in capitals: in small letters it is part of the results


def pattern(headings: tuple[str, ...]) -> re.Pattern[str]:
    """A line that begins with one of these headings."""

    def spaced(heading: str) -> str:
        return re.escape(heading).replace(r"\ ", r"\s*")

    begins = "|".join(map(spaced, headings))
    alone = "|".join(spaced(h[:-1]) for h in headings if h.endswith(":"))
    ending = rf"|(?:{alone})\s*$" if alone else ""
    return re.compile(rf"\s*(?:(?:{begins}){ending})", re.IGNORECASE)


PATTERNS = [(name, pattern(group)) for name, groups in HEADINGS.items() for group in groups]


def division_of(line: str) -> str | None:
    """The division that a line begins."""
    for name, found in PATTERNS:
        if found.match(line):
            return name
    return "assessment_and_plan" if IMPRESSION.match(line) else None


def divided(note: str) -> dict[str, str]:
    """The divisions of a note with their texts, headings included; a missing one is left out."""
    starts: dict[str, int] = {}
    at = 0
    for line in note.split("\n"):
        name = division_of(line) or ("subjective" if at == 0 else None)
        if name is not None:
            starts.setdefault(name, at)
        at += len(line) + 1
    order = sorted(starts.items(), key=lambda pair: pair[1])
    ends = [start for _, start in order[1:]] + [len(note)]
    return {name: note[start:end] for (name, start), end in zip(order, ends, strict=True)}
