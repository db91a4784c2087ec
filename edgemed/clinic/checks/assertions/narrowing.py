"""Whether a denial covers only part of a thing: `no other weakness`, `no significant swelling`.

Such a denial does not deny the thing itself; nor does one that says on which side or when:
`no left facial pain`, `no pain at rest`.
"""

import re
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
# On which side, or under which circumstances, the thing is denied.
SIDES = frozenset(("left", "right"))
CIRCUMSTANCES = frozenset(
    map(
        stem,
        """rest night exertion exercise movement motion activity palpation touch pressure walking
        standing sitting lying running climbing stairs breathing inspiration swallowing eating
        meals coughing bending lifting twisting turning urination urinating defecation intercourse
        flexion extension rotation abduction adduction weightbearing sleep waking morning
        evening""".split(),
    )
)
WITH = re.compile(
    r"\s+(?:at|on|with|to|during|while|when|after|upon|in) (?:(?:the|his|her|any|deep|active"
    r"|passive|light) )?(?P<first>\w+)(?: (?:and|or) (?P<last>\w+))?",
    re.IGNORECASE,
)
DENIAL = frozenset("no not never any denies denied deny without nor or and".split())
LONGEST = 5  # words back from a thing to what narrows it


def is_narrower(denied: Said, at: Mention, other: frozenset[str]) -> bool:
    """Whether the denial of `at` is about a kind of it that the other side, by its stems, lacks."""
    before = list(_before(denied, at))
    sided = {s.span.start for s in denied.sides if s.side in SIDES}
    sorts = {word.stem for word in before if word.stem in SOME or word.start in sided}
    if sorts and not sorts & other:
        return True
    with_it = set(_with(denied, at))
    return bool(with_it) and not with_it & other


def _with(said: Said, at: Mention) -> Iterator[str]:
    """Stems of the circumstances right after a thing: `no pain with flexion or extension`."""
    found = WITH.match(said.sentence.text, at.span.end - said.sentence.span.start)
    if found is not None:
        stems = (stem(word.lower()) for word in found.groups() if word)
        yield from CIRCUMSTANCES.intersection(stems)


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
