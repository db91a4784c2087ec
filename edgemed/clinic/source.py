"""The source read once for many questions: where a concept, a number, a side, a word occurs."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from edgemed.clinic.evidence import Index
from edgemed.clinic.findings import Span
from edgemed.clinic.reading.dates import Date
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.sides import Sided
from edgemed.clinic.reading.text import read
from edgemed.clinic.words import STOP


class Source:
    """A note or a transcript, read. `said[i]` is its i-th sentence in every look-up."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.said: list[Said] = read(text)
        self.index = Index([s.sentence for s in self.said])

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
    def dates(self) -> list[tuple[int, Date]]:
        return [(i, d) for i, said in enumerate(self.said) for d in said.dates]

    @cached_property
    def sides(self) -> list[tuple[int, Sided]]:
        return [(i, s) for i, said in enumerate(self.said) for s in said.sides]

    @cached_property
    def stems(self) -> dict[str, list[int]]:
        """Sentences by the stems of all their words."""
        found: dict[str, list[int]] = defaultdict(list)
        for i, said in enumerate(self.said):
            for stem in {w.stem for w in said.words}:
                found[stem].append(i)
        return found

    @cached_property
    def people(self) -> frozenset[str]:
        """Everybody named."""
        return frozenset(p.name for said in self.said for p in said.people)

    @cached_property
    def has_relatives_speaking(self) -> bool:
        """A transcript in which somebody beside patient and clinician speaks."""
        return any(said.sentence.role == "other" for said in self.said)

    @cached_property
    def words(self) -> frozenset[str]:
        """All words in lower case."""
        return frozenset(w.lower for said in self.said for w in said.words)

    def span(self, i: int) -> Span:
        """Where the i-th sentence stands."""
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


def names(said: Said) -> set[str]:
    """Names of the concepts and stems of the meaningful words of one sentence."""
    found = {m.concept.name for m in said.mentions}
    found |= {w.stem for w in said.words if w.lower not in STOP and len(w.lower) > 1}
    return found
