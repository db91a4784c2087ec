"""Whether a draft can be used at all, so that no reader has to find out line by line.

A draft that has no words, repeats itself or only counts up, copies what the model was asked, is in
another language, is mostly not supported by the note, or is not text about a patient
(`reading/machine_talk`) gets a line above it that says so, and a major finding. The thresholds let
texts written by people pass, when these are read as drafts: notes of ACI-Bench and sections of
MTS-Dialog, training and validation parts (`python -m tests.bench.usable`; a sample of them is a
test).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from edgemed_models.engine.counting import counts
from edgemed_models.engine.rewording import rewords

from edgemed.clinic.findings import Claim, Flag, Review, Span
from edgemed.clinic.language import is_in_another_language
from edgemed.clinic.spelling import LETTERS, odd_words
from edgemed.clinic.words import content, words

REMEDY = "another model is needed"
WHOLE = "whole draft"  # the check, as the list of findings and the log name it

WORD = re.compile(r"[^\W_]+")

LABEL = re.compile(r'(?<=[;,{])\s*"?[A-Za-z_ ]{1,24}"?\s*:|\bnot stated\b')

AGAIN = 6  # words in a row that appeared before
REPEATED = 0.36  # of all words, in such runs; the most in a text by a person is 0.28
TAIL = 12  # words at the end that repeat the words right before them
RUN = 8  # words in a row that are copied from the prompt
COPIED = 0.3  # of all words, in such runs
IN_A_ROW = 3  # times the same words in a row; no text by a person has that
MOSTLY = 0.5  # of all words: if more are in such rows, or cannot be words, the draft is not usable
MANY_CLAIMS, AGAINST_MANY = 6, 0.8  # from so many claims on, the share that speaks against a draft
FEW_CLAIMS, AGAINST_FEW = 3, 0.75
SHARED = 0.1  # of the words of such claims, in the note too; at least 0.14 in texts by people
WORDS_ALONE = 8  # of fewer than FEW_CLAIMS claims, none of which is in the note
LONGEST_WORD = 60  # letters, of which
FEWEST_LETTERS = 6  # different ones at least
FRAGMENT = re.compile(r"(?=\w{9})(\w{2,6}?)\1{2,}")
"""A word that is one fragment at least three times over, such as "hadhadhad"."""


def unusable(
    source: str, draft: str, claims: Sequence[Claim], asked: Sequence[str] = ()
) -> tuple[str, ...]:
    """Why `draft` of the note `source` cannot be used, in words that follow "it"; empty where
    nothing speaks against it.

    `claims` as they were checked; `asked` are the texts that told the model what to write.
    """
    foreign = is_in_another_language(draft, source)
    found = {
        "has no words": not LETTERS.search(draft) or (not foreign and is_mash(draft, source)),
        "is in another language": foreign,
        "repeats itself": repeats(draft, source),
        "counts up without end": counts(draft) and not counts(source),
        "copies what it was asked": copies(draft, asked),
        "is mostly not in the note": unsupported(claims, draft, source),
    }
    return tuple(said for said, true in found.items() if true)


def above(reasons: Sequence[str]) -> str:
    """The line above the draft; empty where it can be used."""
    return f"Not usable: {', '.join(reasons)}; {REMEDY}" if reasons else ""


def whole(review: Review) -> Flag | None:
    """That the draft cannot be used, as a finding among the others; None where it can."""
    if not review.unusable:
        return None
    return Flag(WHOLE, "not usable", "major", above(review.unusable), Span(0, 0))


def is_mash(draft: str, source: str) -> bool:
    """Whether most of its words cannot be words, as where keys were hit at random."""
    odd, count = len(odd_words(draft, source)), len(LETTERS.findall(draft))
    return odd > 1 and odd > MOSTLY * count


def repeats(draft: str, source: str = "") -> bool:
    """Whether much of it is repeated, numbers and labels aside, or a word of it never ends; or
    it keeps saying one thing in other words.

    What the source has as often does not count: a list of medicines may say "by mouth" ten times.
    """
    if any(len(w) > LONGEST_WORD and len(set(w)) < FEWEST_LETTERS for w in WORD.findall(draft)):
        return True
    plain = plain_words(draft)
    if any(FRAGMENT.fullmatch(word) for word in plain) or ends_in_a_loop(plain):
        return True
    every = WORD.findall(draft.lower())
    if in_a_row(every) > MOSTLY * len(every):
        return True
    if source and rewords(LABEL.sub(" ", draft), source):
        return True
    due = Counter(runs(plain_words(source), AGAIN))
    seen: Counter[tuple[str, ...]] = Counter()
    again = []
    for run in runs(plain, AGAIN):
        seen[run] += 1
        again.append(seen[run] > max(due[run], 1))
    return covered(again, AGAIN) > REPEATED * len(plain)


def ends_in_a_loop(words: Sequence[str]) -> bool:
    """Whether the text ends with a passage said twice in a row, of at least `TAIL` words."""
    for period in range(1, len(words) // 2 + 1):
        run = 0
        while run + period < len(words) and words[-1 - run] == words[-1 - run - period]:
            run += 1
        if run >= max(period, TAIL):
            return True
    return False


def in_a_row(words: Sequence[str]) -> int:
    """How many words are in short phrases that appear three or more times in a row.

    Longer phrases are found as words in a row that appeared before.
    """
    held = set[int]()
    for period in range(1, AGAIN + 1):
        again = 0
        for at in range(period, len(words)):
            again = again + 1 if words[at] == words[at - period] else 0
            if again >= (IN_A_ROW - 1) * period:
                held.update(range(at + 1 - again - period, at + 1))
    return len(held)


def plain_words(text: str) -> list[str]:
    """Words in small letters, without those that hold a digit and without labels of a list."""
    every = WORD.findall(LABEL.sub(" ", text).lower())
    return [word for word in every if not any(map(str.isdigit, word))]


def covered(held: Sequence[bool], length: int) -> int:
    """How many words are in the runs of `length` words that count."""
    return len({at + n for at, true in enumerate(held) if true for n in range(length)})


def copies(draft: str, asked: Sequence[str]) -> bool:
    """Whether much of the draft is copied from the prompt."""
    told = {run for text in asked for run in runs(WORD.findall(text.lower()), RUN)}
    every = WORD.findall(draft.lower())
    held = [run in told for run in runs(every, RUN)]
    return covered(held, RUN) > COPIED * len(every)


def runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """All runs of `length` words, one from each word on."""
    return (tuple(words[at : at + length]) for at in range(len(words) - length + 1))


def unsupported(claims: Sequence[Claim], draft: str, source: str) -> bool:
    """Whether most claims are not found in the note, or contradict it.

    A section of a note may be three sentences, all in other words than what was said: the checks
    then speak against it as often as against an invented one. But it shares words with the
    source, so where claims are few the words decide too.
    """
    against = sum(claim.label in ("not found", "contradicted") for claim in claims)
    if len(claims) >= MANY_CLAIMS:
        return against > AGAINST_MANY * len(claims)
    if against <= AGAINST_FEW * len(claims):
        return False
    own, held = meaning(draft), meaning(source)
    shared = len(own & held)
    if len(claims) >= FEW_CLAIMS:
        return shared <= max(1, SHARED * len(own))
    return not shared and len(own) >= WORDS_ALONE


def nothing_found(claims: Sequence[Claim]) -> bool:
    """Whether not one of its claims was found in the note.

    In a draft of a sentence or two this is no reason to call it not usable: it is so in 204 of 778
    short sections written by people ("Noncontributory."). The verdict still says it.
    """
    return bool(claims) and all(claim.label == "not found" for claim in claims)


def meaning(text: str) -> set[str]:
    """The stems of the words that carry meaning."""
    return {word.stem for word in content(words(text))}


@lru_cache(maxsize=1)
def instructions() -> tuple[str, ...]:
    """What every template asks, and the rules before all notes."""
    from edgemed.clinic.summarizing.template import RULES
    from edgemed.clinic.summarizing.template_files import read_templates

    found, _ = read_templates()  # broken templates are reported where templates are chosen
    return (RULES, *(template.asked for template in found))
