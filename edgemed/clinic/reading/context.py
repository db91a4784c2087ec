"""What surrounds a word says about it: negated, uncertain, hypothetical, past, someone else's.

The rules are those of NegEx and ConText: a trigger phrase applies to all words after it (or
before it) up to the end of the sentence or a word that ends its reach (its scope), such as `but`. A
comma ends nothing. Triggers and ends are lists; knows no findings.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from edgemed.clinic.lists import lines, rows_of
from edgemed.clinic.reading.dosed import DrugAt
from edgemed.clinic.reading.people import Person, people_in


class Trigger(NamedTuple):
    """A phrase found in a sentence: what it says, and the stretch of the sentence it applies to."""

    says: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Context:
    """What is said about one stretch of a sentence. `person` is empty for the patient."""

    negated: bool = False
    uncertain: bool = False
    hypothetical: bool = False
    historical: bool = False
    person: str = ""


ANSWER = re.compile(
    r"\s*(?:(?:um|uh|oh|ah|hm|well)\b[ ,]*)*(?:no|nope|nah|yes|yeah|yep)\b\s*"
    r"(?=[,.!?]|$|(?:just|it's|i'm|i've|only|mostly|well)\b)"
)
INFORMS = re.compile(
    r",?\s+(?:who )?(?:also )?(?:states?|stated|reports?|reported|notes?|noted|says|said|"
    r"indicates?|indicated|den(?:y|ies|ied)|thinks|describes|is here|is present|has noticed|feels|"
    r"brought)\b"
)
BESIDE = re.compile(
    r"\b(?:with|by|to) (?:his|her|the|my|their)\s*(?:\w+ and )?$"
    r"|\b(?:lives?|living|stays?|staying|resides?|residing)(?: at home)?"
    r" with (?:\w+ (?:and|&|,) )?$"
)
BOX = re.compile(r"\[ ?\](?=([^\[\n]*))")
MINUS = re.compile(r"\(-\)(?=([^,;(\n]*))")
MINUS_BEHIND = re.compile(r"(?:^|(?<=[,;\n+]))[a-z][a-z/ ]* -(?=\s*(?:$|[,;\n]))")
AHEAD = re.compile(r"\(\?=[^)]*\)$")  # a look ahead at the end of a listed phrase
DENIED = re.compile(r"(?:not|n't) (?=(?:sure|certain|improv|chang|great|bad)\w*$)")
# A denied trouble, of which a finding may be the name: `not having problems with breathing`.
TROUBLE = re.compile(r"(?:issues?|trouble|problems?) with$")
# What a clause of its own says of the margins of what was taken out, and not of that.
MARGINS = re.compile(r"\b(?:margins?|(?:lymph )?nodes?) (?:(?:was|were|is|are|came back) )*$")
# What stays true where the words before it are denied: `no pain since the fall`.
GRANTED = re.compile(
    r"\b(?:since|after|before|prior to|following|at the time of|despite|because of|from|during) "
    r"(?:the|his|her|this|that|my|your|their)(?: \w+){0,2} $"
)
# What may come before a subject where a clause begins.
OPENS = re.compile(r"[\s,;:.?]*(?:and\s+|but\s+)?")
OR = re.compile(r"\b(?:or|nor|and)\b")
NEEDED = re.compile(r"prn|p\.r\.n\.|as needed")
OTHERWISE = re.compile(r"[,;]|^\W*(?:(?:po|iv|im|sl|pr|oral|home)\W+)?$")
SPOKEN_REACH = 16  # words; speech may come without the punctuation that would end a reach
NEAR = 40  # characters before a word in which something may take it for granted
CANNOT = re.compile(
    r"\b(?:can't|cannot|can not|couldn't|could not|unable to|never|not able to)\b[^.,;]*$"
)
NON = re.compile(r"\b(?:non[- ]?|a(?=febrile)|an(?=icteric))(?=((?:cigarette |tobacco )?\w+))")
LABELLED_NO = re.compile(
    r"(?<=\w)(?::| [-–](?= )|, (?=denie[sd]\W*$))\s*(?:no|none|nil|never|negative|neg|denies|denied"
    r"|non-?\w*|nkd?a|not (?:identified|seen|present|found|noted)|absent)\b"
    r"(?: (?:known|reported|documented|on file|to date|identified))*(?=\W*$)"
)
NEGATIVE = re.compile(r"(?<!gram[ -])(?:\bneg(?:ative)?\b|(?<!\w)-ve\b)(?! for)")
# What joins the tests of a list, and what may be between them and their result.
BETWEEN_TESTS = r"(?:\s*(?:[,/&+]|\band\b)\s*(?:and )?|\s+)"
TO_RESULT = (
    r"(?:\s*(?:\([^)]{1,20}\)|all|both|test(?:s|ing|ed)?|swabs?|today|here|-|–|:|="
    r"|was|were|is|are|came back|come back))*\s*$"
)
# What may be between a finding and the person it belongs to: `colon cancer in his father`.
OWNER = re.compile(
    r"(?:(?!\b(?:and|lives?|comes?|came|is here|here|noticed|noted|seen|reported"
    r"|observed|witnessed) )"
    r"[\w\s,]){0,40}?\b(?:in|with|for|of|by)\b "
    r"(?:(?:the )?patient's|his|her|my|the|a|an|your|their)?\s?"
    r"(?:(?:maternal|paternal|distant|older|younger|twin|own|several|many) )?"
)
IN_SOMEONE = re.compile(r"\s*\(?\w*\)? ?in (?:(?:his|her|my|the|your|their|both) )?")
# Whoever denies or reports is the patient again: `with one partner and denies stress`.
TELLS = re.compile(
    r"\b(?:and|who|he|she|patient) (?:also )?(?:denies|denied|reports?|endorses)\b"
    r"|, (?:any|do you|did you|have you|are you)\b"
)
FINITE = re.compile(r"\b(?:is|are|was|were|has|have|had)\b")
COPULA = re.compile(r"(?:\b(?:is|are|was|were|been|came back|come back|test(?:ed)?)\s*)$")


class Scopes:
    """All stretches of one sentence that a trigger applies to."""

    def __init__(self, sentence: str, spoken: bool = False, drugs: Sequence[DrugAt] = ()) -> None:
        self.text = sentence.lower().replace("’", "'")
        if len(self.text) != len(sentence):  # a letter whose lower case is longer: keep offsets
            self.text = "".join(c.lower() if len(c.lower()) == 1 else c for c in sentence)
        self.spoken = spoken
        self.drugs = () if spoken else drugs
        ends = [_ends(), *([_clauses()] if spoken else [])]
        self.ends = sorted(m.span() for end in ends for m in end.finditer(self.text))
        self.reach = [*self._listed(), *self._bare_negative(), *self._non(), *self._boxes()]
        self.people = list(people_in(self.text))

    def at(self, start: int, end: int) -> Context:
        """What is said of the words from `start` to `end` of the sentence."""
        says = {r.says for r in self.reach if r.start <= start and end <= r.end}
        if any(r.says == "troubled" and r.start <= start < r.end for r in self.reach):
            says.add("negated")
        if "negated" in says and GRANTED.search(self.text[max(0, start - NEAR) : start]):
            says.discard("negated")
        return Context(
            "negated" in says,
            "uncertain" in says,
            "hypothetical" in says,
            "historical" in says,
            self.person_at(start, end),
        )

    def person_at(self, start: int, end: int) -> str:
        """Whose it is: the last person named before it in its clause, or right after it."""
        before = [
            p
            for p in self.people
            if p.end <= start and not self._informs(p) and not TELLS.search(self.text, p.end, start)
        ]
        behind = next((p for p in self.people if p.start >= end), None)
        if behind is not None and IN_SOMEONE.fullmatch(self.text[end : behind.start]):
            return behind.name
        if before:
            return before[-1].name
        if behind is not None and OWNER.fullmatch(self.text[end : behind.start]):
            return behind.name
        return ""

    def _informs(self, person: Person) -> bool:
        """Someone present or reporting, who is not the subject: `with his mother, who states`."""
        return (
            INFORMS.match(self.text, person.end) is not None
            or BESIDE.search(self.text[: person.start]) is not None
        )

    def _unpunctuated(self, start: int) -> int:
        """Where the reach of a spoken trigger ends at the latest."""
        within = list(re.finditer(r"\S+", self.text[start:]))[:SPOKEN_REACH]
        return start + within[-1].end() if within else start

    def _non(self) -> list[Trigger]:
        """`nonsmoker`, `non-tender`, `Tobacco use: none`."""
        found = NON.finditer(self.text)
        stretches = [Trigger("negated", m.end(), m.end() + len(m[1])) for m in found]
        for m in LABELLED_NO.finditer(self.text):
            dash = m[0][0] == " "  # `penicillin - rash, latex - none`
            start = max(self.text.rfind(c, 0, m.start()) for c in ",:;") + 1 if dash else 0
            stretches.append(Trigger("negated", start, m.start()))
        return stretches

    def _boxes(self) -> list[Trigger]:
        """`[ ] cough` is an empty box: the words up to the next box are denied."""
        return [
            *(Trigger("negated", m.end(), m.end() + len(m[1])) for m in BOX.finditer(self.text)),
            *(Trigger("negated", *_minus(self.text, m)) for m in MINUS.finditer(self.text)),
            *(Trigger("negated", m.start(), m.end()) for m in MINUS_BEHIND.finditer(self.text)),
        ]

    def _listed(self) -> list[Trigger]:
        """Stretches of the listed triggers."""
        answer = ANSWER.match(self.text) if self.spoken else None
        found = []
        for m in _triggers().finditer(self.text, answer.end() if answer else 0):
            says, side = _meaning(m.group())
            if m.group() == "without" and CANNOT.search(self.text[: m.start()]):
                continue  # `I can't run without pain` affirms the pain
            if m.group() == "none" and self.text[: m.start()].endswith((" - ", " – ")):
                continue  # of the label right before it, which `_non` reads
            if says == "nothing" and (trouble := TROUBLE.search(m.group())) is not None:
                found.append(Trigger("troubled", m.start() + trouble.start(), m.end()))
            if says != "nothing":
                found.append(self._stretch(says, side, m.start(), m.end()))
                if m.group() in ("not", "n't") and not self.spoken:
                    last = found[-1]
                    found[-1] = last._replace(end=self._verb_denied(last.start, last.end))
                elif NEEDED.match(m.group()):
                    last = found[-1]
                    found[-1] = last._replace(end=self._before_a_drug(last.start, last.end))
            within = DENIED.match(m.group())  # `not sure`, `has not changed`: the word itself
            if within is not None:
                found.append(Trigger("negated", m.start() + within.end(), m.end()))
        return found

    def _bare_negative(self) -> list[Trigger]:
        """`strep is negative` applies to what is before, `negative joint pain` to what follows,
        `fever, flu/covid neg` to the tests alone."""
        found = []
        for m in NEGATIVE.finditer(self.text):
            tests = _tests_before().search(self.text, 0, m.start())
            if tests is not None:
                found.append(Trigger("negated", tests.start(), m.start()))
                continue
            tests = _tests_behind().match(self.text, m.end())
            if tests is not None:
                found.append(Trigger("negated", m.end(), tests.end()))
                continue
            side = "before" if self._closes(m) else "after"
            stretch = self._stretch("negated", side, m.start(), m.end())
            if side == "before":  # `the kidney was normal and the culture was negative`
                verbs = [v.end() for v in FINITE.finditer(self.text, stretch.start, stretch.end)]
                begin = max((v for v in verbs[:-1] if v < m.start()), default=stretch.start)
                margins = MARGINS.search(self.text, begin, m.start())
                begin = margins.start() if margins is not None else begin
                stretch = stretch._replace(start=begin)
            found.append(stretch)
        return found

    def _closes(self, m: re.Match[str]) -> bool:
        """Whether the word `negative` ends its clause or follows a copula."""
        rest = self.text[m.end() :].lstrip()
        return not rest or rest[0] in ".,;" or COPULA.search(self.text[: m.start()]) is not None

    def _stretch(self, says: str, side: str, start: int, end: int) -> Trigger:
        if side == "after":
            stop = next((a for a, _ in self.ends if a >= end), len(self.text))
            stop = min(stop, self._bracket_closed(start))
            if self.spoken and "," not in self.text[end:stop]:
                stop = min(stop, self._unpunctuated(end))
            return Trigger(says, end, self._before_a_dose(end, stop))
        begins = (self._opened(a) for a, b in self.ends if b <= start and self.text[a] != ":")
        return Trigger(says, max(begins, default=0), start)

    def _bracket_closed(self, start: int) -> int:
        """Where the bracket ends in which a trigger stands: `(not measured), palpitations`."""
        opened = self.text.rfind("(", 0, start)
        closed = self.text.find(")", max(opened, 0)) if opened >= 0 else -1
        return closed if closed >= start else len(self.text)

    def _before_a_dose(self, start: int, stop: int) -> int:
        """Where a reach ends at the latest: before the first drug in it that comes with its dose
        after a comma, but not in a list of drugs, which the first of them begins."""
        first = next((drug for drug in self.drugs if start <= drug.start < stop), None)
        free = first is not None and first.dosed and set(",;") & set(self.text[start : first.start])
        return first.start if first is not None and free else stop

    def _before_a_drug(self, start: int, stop: int) -> int:
        """Where a reach of `prn` ends at the latest: before a drug right after it, or after a
        comma, for neither is what something is needed for: `prn zofran 4`, `prn nausea, lasix`."""
        between = ((drug.start, self.text[start : drug.start]) for drug in self.drugs)
        own = (at for at, words in between if start <= at < stop and OTHERWISE.search(words))
        return next(own, stop)

    def _opened(self, at: int) -> int:
        """Where the words of a clause begin whose beginning is met at `at`."""
        opens = OPENS.match(self.text, at)
        return opens.end() if opens else at

    def _verb_denied(self, start: int, stop: int) -> int:
        """Where the reach of a `not` ends in writing: at a comma, unless a list goes on with `or`.

        `Does not smoke, drink or use drugs`, but `do not resuscitate, palliative care`.
        """
        comma = self.text.find(", ", start, stop)
        return stop if comma < 0 or OR.search(self.text, comma, stop) else comma


def _minus(text: str, m: re.Match[str]) -> tuple[int, int]:
    """What a minus in brackets denies: `(-) cough`, but `flu (-), covid (-)`."""
    tests = _tests_before().search(text, 0, m.start())
    return (tests.start(), m.start()) if tests is not None else (m.end(), m.end() + len(m[1]))


@cache
def _tests_before() -> re.Pattern[str]:
    """A list of tests up to the end of the text searched."""
    one = "|".join(f"(?:{line})" for line in lines("tested.txt"))
    return re.compile(rf"(?<![\w/])(?:{one})(?:{BETWEEN_TESTS}(?:{one}))*(?!\w){TO_RESULT}")


@cache
def _tests_behind() -> re.Pattern[str]:
    """A list of tests from the place on."""
    one = "|".join(f"(?:{line})" for line in lines("tested.txt"))
    return re.compile(
        rf"[:\s]*(?:{one})(?:{BETWEEN_TESTS}(?:{one}))*(?!\w)(?=\s*(?:[,.;]|but\b|$))"
    )


@cache
def _triggers() -> re.Pattern[str]:
    phrases = sorted({row[0] for row in rows_of("context.tsv")}, key=len, reverse=True)
    body = "|".join(p for p in phrases if p != "n't")
    return re.compile(rf"(?:(?<!\w)|(?=n't))(?:{body})(?!\w)|n't(?!\w)")


@cache
def _meaning(phrase: str) -> tuple[str, str]:
    rows = rows_of("context.tsv")
    return next(
        (r[1], r[2]) for r in rows if r[0] == phrase or re.fullmatch(AHEAD.sub("", r[0]), phrase)
    )


@cache
def _ends() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{line})" for line in lines("ends.txt")))


@cache
def _clauses() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{line})" for line in lines("clauses.txt")))
