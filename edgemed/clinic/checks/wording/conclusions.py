"""What the draft concludes or orders in words that appear nowhere in the note.

`Diagnosed with HELLP syndrome`, `plasma exchange was performed`: such sentences are short, and a
wrong one looks right except for one wrong name, which no list needs to know. Compared with notes
only: in a conversation the same thing is said in other words.
"""

import re
from collections.abc import Iterator

from edgemed.clinic.checks.wording.resemblance import is_stock
from edgemed.clinic.checks.wording.wording import is_new
from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.lists import words_of
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import content, stem

FRAME = (  # words of the phrase, not of what is concluded
    "treatment plan therapy obtain perform consult discussed view views imaging testing test tests "
    "treat treated treating determine evaluation evaluate severe mild moderate suspected possible "
    "per following received additional appropriate continued daily acute chronic next step"
)
WEAK = frozenset(map(stem, (*words_of("weak.txt"), *FRAME.split())))
_DONE = (
    "performed|ordered|administered|recommended|required|started|initiated|obtained|scheduled|given"
    "|indicated|prescribed|done|placed|discontinued|continued|measured|tested|taken|begun|needed"
)
BEHIND = re.compile(  # what follows is concluded or ordered
    r"\b(?:diagnosed with|diagnosis (?:is|was|of)|suspected(?: of)?|consistent with|suggestive of"
    r"|confirms?|indicates?|indicate|presentation suggests|prescribed|started on|treated with"
    r"|scheduled for|underwent|recommended|advised to|organism is|experiencing|admitted for)\s+"
    r"(?P<what>[^.;,]+)",
    re.IGNORECASE,
)
BEFORE = re.compile(  # what comes before it
    rf"(?:^|[.,;] )(?P<what>[^.;,]+?) (?:is|are|was|were)(?: \w+ly)? (?:{_DONE})\b", re.IGNORECASE
)
ENDS = re.compile(r"\b(?:to|for|after|because|which|who|since|until|given|as|by|in|at|on|the)\b")


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag: for the first conclusion with words that the note has in no form."""
    text, offset = said.sentence.text, said.sentence.span.start
    if source.is_talk or not source.said or is_stock(text):
        return
    for pattern in (BEHIND, BEFORE):
        for match in pattern.finditer(text):
            start, end = named(match, pattern is BEHIND)
            new = [w for w in said.words if start <= w.start - offset and w.end - offset <= end]
            new = [w for w in content(new) if w.stem not in WEAK and is_new(w, said, source)]
            if new:
                words = ", ".join(dict.fromkeys(w.lower for w in new))
                reason = f"concluded or ordered in the draft, but nowhere in the note: {words}"
                span = Span(new[0].start, new[-1].end)
                yield Flag("conclusion", "not found", "minor", reason, span)
                return


def named(match: re.Match[str], behind: bool) -> tuple[int, int]:
    """Where the thing concluded is named: up to the first small word after it."""
    start, end = match.span("what")
    stop = ENDS.search(match["what"], 1) if behind else None
    return start, start + stop.start() if stop else end
