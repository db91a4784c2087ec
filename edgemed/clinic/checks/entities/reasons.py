"""What the draft gives as the reason for something, where the source gives another.

`Kidney injury secondary to dehydration`, `gabapentin for neuropathy`: a link of two named things.
It is contradicted if the source links either of them to something else and never the two.
"""

from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.reading.reasons import Link, links
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

APART = 3  # sentences within which the source may name both


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each link of the sentence."""
    for link in links(said):
        if is_linked(link, source) or link.what not in source.mentions:
            continue
        if is_plain(link, said) or link.what == "death":  # relatives may die of different causes
            continue
        others = [x for x in source_links(link.what, source) if x.reason != link.reason]
        drug = any(m.concept.name == link.what and m.concept.kind == "drug" for m in said.mentions)
        severity: Severity = "major" if drug else "minor"
        if others:
            reason = f"{link.what} because of {link.reason} in the draft; "
            reason += f"the note gives {others[0].reason}"
            spans = tuple(x.span for x in others[:3])
            yield Flag("reason", "contradicted", severity, reason, link.span, spans)
        elif link.reason in source.mentions:
            reason = f"the note does not give {link.reason} as the reason for {link.what}"
            yield Flag("reason", "not found", "minor", reason, link.span)


def is_plain(link: Link, said: Said) -> bool:
    """Whether the reason is a word that no list names: the source may say it in another one."""
    return any(m.concept.name == link.reason and m.concept.kind == "word" for m in said.mentions)


def is_linked(link: Link, source: Source) -> bool:
    """Whether the source links the two, or names both within a few sentences and no other link."""
    stated = source_links(link.what, source)
    if any(x.reason == link.reason for x in stated):
        return True
    if stated:
        return False
    places = [i for i, _ in source.mentions.get(link.what, ())]
    others = [i for i, _ in source.mentions.get(link.reason, ())]
    return any(abs(i - k) <= APART for i in places for k in others)


def source_links(what: str, source: Source) -> list[Link]:
    """The links of the source that are about the thing."""
    return [x for x in source.links if what == x.what]
