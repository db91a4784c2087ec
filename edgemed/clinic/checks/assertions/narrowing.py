"""Whether a denial covers only part of a thing: `no other weakness`, `no significant swelling`.

Such a denial leaves room for the thing itself.
"""

from collections.abc import Iterator

from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import Word, stem

# Words before a thing with which only part of it is denied.
SOME = frozenset(
    map(
        stem,
        """other else further additional more new specific particular significant appreciable
        obvious overt gross frank major acute recent current generalized undue extra excessive
        severe marked much focal frequent such similar prior previous""".split(),
    )
)
DENIAL = frozenset("no not never any denies denied deny without nor or and".split())
LONGEST = 5  # words back from a thing to what narrows it


def is_narrower(denied: Said, at: Mention, other: frozenset[str]) -> bool:
    """Whether the denial of `at` is about a kind of it that the other side, by its stems, lacks."""
    sorts = {word.stem for word in _before(denied, at)} & SOME
    return bool(sorts) and not sorts & other


def stems_at(source: Source, i: int) -> frozenset[str]:
    """Stems of the words of a sentence, in talk also of the question before and the answer."""
    near = source.around(i, 1, 1) if source.is_talk else (i,)
    return frozenset(w.stem for k in near for w in source.said[k].words)


def stems_of(said: Said) -> frozenset[str]:
    """Stems of the words of a sentence."""
    return frozenset(w.stem for w in said.words)


def _before(said: Said, at: Mention) -> Iterator[Word]:
    """The words right before a thing, back to the denial, a comma or a conjunction."""
    text, start = said.sentence.text, said.sentence.span.start
    end = at.span.start
    words = [w for w in said.words if w.end <= at.span.start]
    for word in words[: -LONGEST - 1 : -1]:
        if text[word.end - start : end - start].strip() or word.lower in DENIAL:
            return
        end = word.start
        yield word
