"""The source read once for many questions: where a concept, a number, a side, a word occurs."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from edgemed.clinic.evidence import Index
from edgemed.clinic.findings import Span
from edgemed.clinic.language import Language, language_of
from edgemed.clinic.reading.addressed import addressed
from edgemed.clinic.reading.dates import Date
from edgemed.clinic.reading.frequencies import Detail, rates, routes
from edgemed.clinic.reading.levels import levels
from edgemed.clinic.reading.named import asks, implied_levels, named, names, parts_in
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.reasons import Link, links
from edgemed.clinic.reading.regimens import Regimen, all_regimens
from edgemed.clinic.reading.said import Cue, Mention, Said
from edgemed.clinic.reading.sex import LEAST, Sex, decided, tally
from edgemed.clinic.reading.sides import Sided
from edgemed.clinic.reading.text import read

# How much a word of a neighbouring sentence counts: an answer leaves out what was asked.
IN_TALK, IN_NOTE = 0.5, 0.2
ASSESSED = re.compile(r"\b(?:assessment|impression|diagnos[ei]s|conclusion)\b", re.I)
LISTED = 3.0  # how much more a listed name weighs than a plain word
COMPANY = 60  # characters on either side within which words belong to a number's context


class Source:
    """A note or a transcript, read. `said[i]` is its i-th sentence in every look-up."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.said: list[Said] = read(text)
        self.index = Index([s.sentence for s in self.said])
        self.addressed = addressed(text)

    @cached_property
    def trusted(self) -> "tuple[Source, tuple[int, ...]]":
        """The source without what addresses the model, and the numbers of the sentences taken out.

        The same source where nothing does.
        """
        out = [i for i, said in enumerate(self.said) if self._speaks_to_model(said)]
        return (self._without(out) if out else self), tuple(out)

    def _speaks_to_model(self, said: Said) -> bool:
        start, end = said.sentence.span
        return any(a.span.start < end and start < a.span.end for a in self.addressed)

    def _without(self, out: Sequence[int]) -> "Source":
        kept = sorted(set(range(len(self.said))) - set(out))
        source = Source("")
        source.text, source.said = self.text, [self.said[i] for i in kept]
        source.index = self.index.only(kept)
        return source

    @cached_property
    def language(self) -> Language:
        return language_of(self.text)

    @cached_property
    def mentions(self) -> dict[str, list[tuple[int, Mention]]]:
        """Mentions by the concept's name."""
        found: dict[str, list[tuple[int, Mention]]] = defaultdict(list)
        for i, said in enumerate(self.said):
            for mention in said.mentions:
                found[mention.concept.name].append((i, mention))
        return found

    @cached_property
    def quantities(self) -> list[tuple[int, Quantity]]:
        return [(i, q) for i, said in enumerate(self.said) for q in said.quantities]

    @cached_property
    def regimens(self) -> tuple[list[Regimen], list[Regimen]]:
        """Doses, routes and frequencies of drugs: those stated, and those that may be meant."""
        return all_regimens(self.said)

    @cached_property
    def dates(self) -> list[tuple[int, Date]]:
        return [(i, d) for i, said in enumerate(self.said) for d in said.dates]

    @cached_property
    def sides(self) -> list[tuple[int, Sided]]:
        return [(i, s) for i, said in enumerate(self.said) for s in said.sides]

    @cached_property
    def cues(self) -> dict[str, list[tuple[int, Cue]]]:
        """What is said of named things, by attribute."""
        found: dict[str, list[tuple[int, Cue]]] = defaultdict(list)
        for i, said in enumerate(self.said):
            for cue in said.cues:
                found[cue.attribute].append((i, cue))
            found["level"] += [(i, cue) for cue in implied_levels(said)]
        return found

    @cached_property
    def opposites(self) -> dict[str, list[tuple[int, Any]]]:
        """Filled by the check of opposite words, which reads each sentence once."""
        return {}

    def is_listed(self, name: str) -> bool:
        """Whether a name that the source has is from the lists, not a plain word."""
        there = self.mentions.get(name, [])
        return bool(there) and there[0][1].concept.kind != "word"

    @cached_property
    def assessed(self) -> frozenset[str]:
        """Problems that the note names under its assessment, impression or diagnoses."""
        return frozenset(
            m.concept.name
            for said in self.said
            if ASSESSED.search(said.sentence.section)
            for m in said.mentions
            if m.concept.kind in ("finding", "disease")
        )

    @cached_property
    def links(self) -> list[Link]:
        """Everything that the source gives a reason for."""
        return [link for said in self.said for link in links(said)]

    @cached_property
    def rates(self) -> list[tuple[int, Detail]]:
        """Every frequency said."""
        return [(i, rate) for i, said in enumerate(self.said) for rate in rates(said)]

    @cached_property
    def routes(self) -> list[tuple[int, Detail]]:
        """Every route said."""
        return [(i, route) for i, said in enumerate(self.said) for route in routes(said)]

    @cached_property
    def parts(self) -> dict[str, list[int]]:
        """Sentences by the parts of the body that they name."""
        found: dict[str, list[int]] = defaultdict(list)
        for i in range(len(self.said)):
            for part in self.parts_at(i):
                found[part].append(i)
        return found

    def parts_at(self, i: int) -> frozenset[str]:
        """Parts of the body that the i-th sentence names."""
        return self._parts[i]

    @cached_property
    def _parts(self) -> list[frozenset[str]]:
        return [parts_in(said) for said in self.said]

    @cached_property
    def sex(self) -> Sex:
        """The patient's, where the source clearly says it."""
        votes = [tally(said) for said in self.said]
        total = {sex: sum(v[sex] for v in votes) for sex in ("female", "male")}
        return decided(total) if not self.is_talk or max(total.values()) >= LEAST else ""

    def shares(self, of: Sequence[str]) -> dict[str, float]:
        """The share that each of the names has of the weight of all; the nearest weigh most."""
        weights = {
            n: self.rarity(n) * (LISTED if self.is_listed(n) else 1.0) / (1 + 0.25 * i)
            for i, n in enumerate(of)
        }
        total = sum(weights.values())
        return {n: w / total for n, w in weights.items()} if total else {}

    @cached_property
    def told(self) -> str:
        """The words of all statements, without questions, in lower case, a sentence a line."""
        told = (said for said in self.said if not asks(said))
        return "\n".join(f" {' '.join(w.lower for w in said.words)} " for said in told)

    @cached_property
    def stems(self) -> dict[str, list[int]]:
        """Sentences by the stems of all their words."""
        found: dict[str, list[int]] = defaultdict(list)
        for i, said in enumerate(self.said):
            for stem in {w.stem for w in said.words}:
                found[stem].append(i)
        return found

    @cached_property
    def units(self) -> frozenset[str]:
        """UCUM codes of all units said."""
        return frozenset(q.unit.code for _, q in self.quantities if q.unit is not None)

    def sharing(self, names: Iterable[str]) -> dict[int, list[int]]:
        """Sentences that hold any of the names, each with the numbers of those mentions."""
        found: dict[int, list[int]] = defaultdict(list)
        for name in names:
            for i, mention in self.mentions.get(name, ()):
                found[i].append(self.said[i].mentions.index(mention))
        return found

    def company(self, said: Said, at: Span) -> dict[str, float]:
        """The context of `at` in a sentence: names of concepts and stems, weighted.

        A word weighs as much as it is rare in the source, and less the farther away it is.
        """
        weights: dict[str, float] = {}
        for name, start, end in named(said):
            if start < at.end and at.start < end:
                continue
            gap = (start - at.end) if start >= at.end else (at.start - end)
            if gap <= COMPANY:
                weight = self.rarity(name) * (1 - gap / (2 * COMPANY))
                weights[name] = max(weights.get(name, 0.0), weight)
        return weights

    def rarity(self, name: str) -> float:
        """How much it means to find a name; nothing for a name the source lacks."""
        if name not in self._rarities:
            held = len(self.mentions.get(name, ())) or self._held[name]
            self._rarities[name] = math.log(1 + len(self.said) / held) if held else 0.0
        return self._rarities[name]

    def kept(self, company: dict[str, float], i: int) -> float:
        """Share of a context's weight in the i-th sentence; neighbouring sentences count less."""
        total = sum(company.values())
        if not total:
            return 0.0
        here = self._names[i]
        beside = set().union(*(self._names[k] for k in self.around(i, 2, 1)))
        own = sum(w for n, w in company.items() if n in here)
        near = sum(w for n, w in company.items() if n in beside and n not in here)
        return (own + near * (IN_TALK if self.said[i].sentence.role else IN_NOTE)) / total

    @cached_property
    def _names(self) -> list[set[str]]:
        return [names(said) for said in self.said]

    @cached_property
    def _rarities(self) -> dict[str, float]:
        """Cached answers."""
        return {}

    @cached_property
    def _held(self) -> Counter[str]:
        """In how many sentences each name is."""
        return Counter(name for names in self._names for name in names)

    @cached_property
    def people(self) -> frozenset[str]:
        """Everybody who is named."""
        return frozenset(p.name for said in self.said for p in said.people)

    @cached_property
    def levels(self) -> frozenset[str]:
        """Levels of the spine named anywhere."""
        return levels(self.text)

    @cached_property
    def is_talk(self) -> bool:
        """A transcript: what was said in a patient's words, not a note."""
        return any(said.sentence.role for said in self.said)

    @cached_property
    def has_relatives_speaking(self) -> bool:
        """A transcript in which somebody besides patient and clinician speaks."""
        return any(said.sentence.role == "other" for said in self.said)

    @cached_property
    def words(self) -> frozenset[str]:
        """All words in lower case."""
        return frozenset(w.lower for said in self.said for w in said.words)

    def span(self, i: int) -> Span:
        """The span of the i-th sentence."""
        return self.said[i].sentence.span

    def around(self, i: int, before: int = 2, after: int = 1) -> range:
        """The sentences near the i-th."""
        return range(max(0, i - before), min(len(self.said), i + after + 1))

    def names(self, sentences: Iterable[int]) -> set[str]:
        """Names of concepts and stems of meaningful words in some sentences."""
        found: set[str] = set()
        for i in sentences:
            found |= names(self.said[i])
        return found
