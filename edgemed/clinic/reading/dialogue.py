"""Reads each sentence of a transcript together with its neighbours.

A question is read with its answer (`Any fever?` `No.` says that there is no fever), and a person
who was named stays the subject (`My mom.` `She had a stroke.`) until another one is.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from edgemed.clinic.reading.questions import ASKING_AFTER, asked_in, is_question, is_short_question
from edgemed.clinic.reading.said import Cue, Mention, Polarity, Said

FIRST_WORDS = 7  # of an answer, among which its yes or no is looked for
ANSWERS = re.compile(
    r"\b(?:(?P<no>no|nope|nah|not|none|never|nothing|negative|neither|denies|\w*n't"
    r"|i(?:'m| am) (?:(?:doing|feeling|all|pretty) )*(?:fine|good|okay|well|great|right))"
    r"|yes|yeah|yep|yup|sure|right|correct|i (?:do|have|am|did)(?! not| n't| none| no| never)"
    r"|(?:a little|a bit)(?=\W*$| bit| of | when | here | now | sometimes | but | and )"
    r"|it(?:'s| is) (?:\w+ )?(?:mild|moderate|severe|slight|constant|intermittent)"
    r"|(?:just|only) (?:an?|in|on|when|at|if)\b|from time to time|once in a while|on and off"
    r"|off and on|now and then|sometimes|mm-hmm"
    r"|uh-huh|definitely|of course|absolutely(?! not)|occasionally)\b"
)
AGREES = re.compile(r"(?:oh |um |uh )*no,? (?:you(?:'re| are)|that(?:'s| is)) (?:right|correct)\b")
UNSURE = re.compile(
    r"(?:not sure|n't know|n't remember|n't recall|n't think of|no idea|you mean)"
    r"|not (?:right away|at first|immediately|always|every|that often|all the time|necessarily)"
)
# An answer that tells something first: no `not` behind it denies what was asked.
TELLS_FIRST = re.compile(
    r"\W*(?:(?:well|um|uh|oh|so|and|actually|honestly)\b\W*)*"
    r"(?:i|it|he|she|they|we|there|that|my \w+|the \w+)(?:['’](?:ve|s|m|d|re))? "
    r"(?:\w+ly |just |only |also )?(?:had|have|has|having|get|gets|getting|got|is|was|were|am|been"
    r"|feel|feels|felt|hurts?)\b"
    r"(?! ?(?:\w+ )?(?:not|n['’]t|no|none|never|nothing|hardly)\b)"
    r"(?! ?(?:\w+ )?(?:fine|good|okay|well|normal|great)\b)",
    re.I,
)
NO = re.compile(
    r"\W*(?:(?:well|um|uh|oh|so)\b\W*)*(?:no|nope|nah|not|none|never|nothing|neither)\b", re.I
)
# Asks back before answering: `Any drugs?` `You mean like cocaine?` `Yeah.` `No.`
ASKS_BACK = re.compile(
    r"\W*(?:(?:um|uh|oh|so)\b\W*)*(?:do )?(?:you mean|like what|what do you mean|as in)\b[^?]*\?",
    re.I,
)
ADDRESSES = re.compile(r"\b(?:do you (?:know|remember|recall)|you know|can you tell me)\b", re.I)
INVERTED = re.compile(  # `Isn't this the second time?` `Yes.`
    r"\s*(?:(?:and|so|but|well)\b,? )?(?:is|are|was|were|do|does|did|have|has|had)\s?n['’]t\b", re.I
)
FORMER = re.compile(
    r"\b(?:not (?:now|anymore|any more|currently)|in the past|used to|way back|quit|stopped)\b"
)
ALLERGIES = re.compile(r"\ballerg(?:y|ies|ic)\b", re.IGNORECASE)
NO_ALLERGIES = re.compile(  # `No, just penicillin` names one
    r"\W*(?:(?:oh|um|uh|well)\b\W*)*"
    r"(?:no|nope|nah|none|nothing|never|not)\b"
    r"(?!\W+(?:just|only|but|except|other than|apart from)\b)",
    re.IGNORECASE,
)
OUTCOME = {"yes": "some", "no": "none"}  # of a treatment that a question asks for, by its answer
PASSED = 4  # turns after a question among which its answer is looked for
FILLER = re.compile(
    r"\W*(?:(?:um+|uh+|er|erm|hmm+|oh|ah|well|so|i mean|let me (?:see|think))\b\W*)*", re.I
)
NAMED = 40  # characters of an answer among which the first allergen is named
# Words before something that a question takes for granted: `Does your asthma bother you?`
DEFINITE = re.compile(r"\b(?:your|his|her|their|this|that|these|those)\s+(?:\w+\s+)?$", re.I)
# Asks how something is, so a `no` does not deny it: `How is your sleep?` `I cannot sleep.`
OPEN = re.compile(
    r"\s*(?:(?:okay|all right|alright|and|so|well|now|great|good|um)\b[ ,.]*)*"
    r"how(?:'s| is| are| was)(?! (?:your|the|his|her) family)\b",
    re.IGNORECASE,
)
# Asks about family members without naming them: `Anyone with diabetes?`
ANYONE = re.compile(r"\b(?:anyone|anybody|any one|who else)\b", re.I)
# Asks about a thing that is taken for granted: `Where is your rash?`
GIVEN = re.compile(
    r"\s*(?:(?:okay|all right|alright|and|so|well|now)\b[ ,.]*)*"
    r"(?:where|when|why|which|how (?:long|often|bad|severe|much))\b",
    re.IGNORECASE,
)
ANOTHER = re.compile(
    r"\b(?:how(?:'s|'re| is| are| do| did| long| often)|what|when|where|why)\b", re.I
)
# `He` of somebody who speaks of himself is the relative named last.
TELLS_OF = re.compile(
    r"\b(?:he|she) (?:also )?(?:had|has|was|is|died|got|suffered|passed|did)\b", re.I
)
THIRD = re.compile(r"\b(?:he|she|his|him)\b", re.IGNORECASE)
OF_MYSELF = re.compile(
    r"\s*(?:i|i'm|i've|my|me)\b(?! (?:think|believe|guess|know|heard) (?:that )?(?:he|she|they)\b)",
    re.IGNORECASE,
)
DID = re.compile(r" (?:did|does|do|has|had|is|was)\b(?!n't| not)(?=\W*$|,| but| though)")
PRONOUN = re.compile(
    r"\s*(?:and |but |so |oh |yes,? |yeah,? )?(?:he|she|they|him|her)\b", re.IGNORECASE
)


def answered(said: list[Said]) -> Iterator[Said]:
    """The sentences of a transcript, questions resolved by their answers, persons carried over."""
    turns: dict[int, list[int]] = {}
    for i, s in enumerate(said):
        turns.setdefault(s.sentence.turn, []).append(i)
    order = sorted(turns)
    person = last = ""
    allergens: Said | None = None
    for at, turn in enumerate(order):
        following = _reply(said, turns, order, at)
        members = [said[i] for i in turns[turn]]
        if members[0].sentence.role == "clinician" and not any(map(_speaks_on, members)):
            person = "" if any(map(_turns_to_patient, members)) else person
        for s in members:
            spoken_of = s.people
            if spoken_of:
                person = last = spoken_of[-1].name
            elif not person and s.sentence.role == "patient" and TELLS_OF.search(s.sentence.text):
                person = last
            elif person and members[0].sentence.role != "clinician" and not _goes_on(s):
                person = "" if OF_MYSELF.match(s.sentence.text) else person
            resolved = _resolved(s, members, following, "" if spoken_of else person)
            yield replace(resolved, names_allergens=s is allergens)
        allergens = following if _asks_for_allergens(members[-1], following) else allergens


def _asks_for_allergens(said: Said, following: Said | None) -> bool:
    """Whether it asks about allergies, and the answer is not that there are none."""
    if following is None or ALLERGIES.search(said.sentence.text) is None:
        return False
    return is_question(said) and NO_ALLERGIES.match(following.sentence.text) is None


def _reply(said: list[Said], turns: dict[int, list[int]], order: list[int], at: int) -> Said | None:
    """The first sentence with words that somebody else says after a turn.

    Turns that do not ask are skipped; if somebody asks again, there was no answer.
    """
    role = said[turns[order[at]][0]].sentence.role
    for turn in order[at + 1 : at + 1 + PASSED]:
        members = [said[i] for i in turns[turn]]
        if members[0].sentence.role == role:
            if any(map(is_question, members)):
                return None
            continue
        told = next((s for s in members if FILLER.fullmatch(s.sentence.text) is None), None)
        if told is not None and ASKS_BACK.match(told.sentence.text) is None:
            return told
    return None


def _speaks_on(said: Said) -> bool:
    """The clinician asks about the person spoken of: `What was his heart disease?`"""
    return THIRD.search(said.sentence.text) is not None


def _turns_to_patient(said: Said) -> bool:
    """The clinician asks about the patient or something else: `your`, or something named.

    `What about a stroke?` asks about the same people as the question before it.
    """
    text = said.sentence.text
    goes_on = ASKING_AFTER.match(text) or ANYONE.search(text)
    illness = any(m.concept.kind == "disease" for m in said.mentions)
    return (bool(said.mentions) and not (goes_on and illness)) or re.search(
        r"\byou(?:r|'re)?\b", ADDRESSES.sub(" ", text), re.I
    ) is not None


def _goes_on(said: Said) -> bool:
    return PRONOUN.match(said.sentence.text) is not None


def _resolved(said: Said, turn: list[Said], following: Said | None, person: str) -> Said:
    """`said` with the polarity its answer gives it, and the person still spoken of."""
    mentions = said.mentions
    if ASKS_BACK.match(said.sentence.text):
        return replace(said, mentions=tuple(replace(m, polarity="open") for m in mentions))
    asks = is_question(said) or is_short_question(said, turn, following)
    if asks and GIVEN.match(said.sentence.text) is None:
        behind = turn[turn.index(said) + 1 :]
        answer = _answer(following, said is turn[-1])
        if any(ANOTHER.match(s.sentence.text) for s in behind):
            answer = _answer(None, last=False)  # the answer is to what was asked last
        if answer["yes"] == "yes" and INVERTED.match(said.sentence.text):
            answer = {**answer, "no": "yes"}
        if OPEN.match(said.sentence.text):
            answer = _answer(None, last=False)
        if _names_allergens(said, following):
            answer = {**answer, "yes": "yes", "open": "yes"}
        first, choice, last = asked_in(said)
        picked = _picked(said, following)
        mentions = tuple(
            m
            if not first <= m.span.start < last
            else replace(
                m,
                polarity=answer[m.polarity]
                if m.span.start >= choice and _is_meant(m, picked) and not _is_granted(said, m)
                else "open",
            )
            for m in mentions
        )
        mentions = tuple(_as_repeated(m, following) for m in mentions)
        said = replace(said, cues=tuple(_outcomes(said.cues, mentions)))
        asked = {p.name for p in said.people}
        mentions = tuple(_whose(_anothers(m, following), asked, following) for m in mentions)
    if person:
        mentions = tuple(
            replace(m, context=replace(m.context, person=m.context.person or person))
            for m in mentions
        )
    return replace(said, mentions=mentions, carried=person)


def _names_allergens(said: Said, following: Said | None) -> bool:
    """`Any allergies?` `Penicillin.` says without a yes that there is an allergy."""
    if following is None or not _asks_for_allergens(said, following):
        return False
    drugs = [m for m in following.mentions if m.concept.kind == "drug" and m.polarity == "yes"]
    return any(m.span.start - following.sentence.span.start < NAMED for m in drugs)


def _outcomes(cues: Iterable[Cue], mentions: Iterable[Mention]) -> Iterator[Cue]:
    """The cues of a question, with the effect of a treatment by its answer: `Did it help?` `No.`"""
    values = {m.span.start: OUTCOME.get(m.polarity, "") for m in mentions}
    for cue in cues:
        value = values.get(cue.span.start, "") if cue.attribute == "effect" else cue.value
        if value:
            yield cue._replace(value=value, spoken=cue.spoken and cue.attribute != "effect")


def _as_repeated(mention: Mention, following: Said | None) -> Mention:
    """What the answer says of a problem that it names again, whatever its first words are.

    `Any swelling?` `From all the walking I do, I do not have any swelling.`
    """
    if following is None or following.asks or mention.concept.kind not in ("finding", "disease"):
        return mention
    told = {m.polarity for m in following.mentions
            if m.concept.name == mention.concept.name and not m.context.historical}  # fmt: skip
    return replace(mention, polarity="no") if told == {"no"} else mention


def _picked(said: Said, following: Said | None) -> set[str]:
    """Which of the things asked about the answer names: `Tobacco or alcohol?` `I drink wine.`

    What it denies by name is all that it denies: `I don't smoke, but I have a pint.`
    """
    asked = {m.concept.name for m in said.mentions if m.concept.kind in ("finding", "disease")}
    if following is None or len(asked) < 2:
        return set()
    told = {
        p: {m.concept.name for m in following.mentions if m.polarity == p} for p in ("yes", "no")
    }
    bare = NO.match(following.sentence.text) is not None
    return asked & told["yes"] or (set() if bare else asked & told["no"])


def _is_meant(mention: Mention, picked: set[str]) -> bool:
    """Whether the answer can be about it: about anything, if it names nothing in particular."""
    listed = mention.concept.kind in ("finding", "disease")
    return not picked or not listed or mention.concept.name in picked


def _is_granted(said: Said, mention: Mention) -> bool:
    """Whether the question takes it for granted: `your asthma`, `this pain`."""
    start = mention.span.start - said.sentence.span.start
    return DEFINITE.search(said.sentence.text, 0, start) is not None


def _anothers(mention: Mention, following: Said | None) -> Mention:
    """`Did your father have a stroke?` `My mother did.` gives the stroke to the mother."""
    asked = mention.context.person
    if not asked or following is None or not following.people:
        return mention
    told = following.people[0]
    end = told.end - following.sentence.span.start
    if told.name == asked or DID.match(following.sentence.text, end) is None:
        return mention
    return replace(mention, polarity="yes", context=replace(mention.context, person=told.name))


def _whose(mention: Mention, asked: set[str], following: Said | None) -> Mention:
    """Something asked about the family, or two people, belongs to whom the answer names."""
    if following is None or not (mention.context.person == "family" or len(asked) > 1):
        return mention
    named = {p.name for p in following.people} - {"family"}
    if len(named) != 1 or (len(asked) > 1 and not named <= asked):
        return mention
    return replace(mention, context=replace(mention.context, person=named.pop()))


def _answer(following: Said | None, last: bool) -> dict[Polarity, Polarity]:
    """The polarity of something asked, by how it was asked (`no fever?` `right` is a no)."""
    unknown: dict[Polarity, Polarity] = {"yes": "open", "no": "open", "open": "open"}
    if following is None:
        return unknown
    first = " ".join(following.sentence.text.lower().replace("’", "'").split()[:FIRST_WORDS])
    word = ANSWERS.search(first)
    if word is None or UNSURE.search(first):
        return unknown
    if word["no"] and TELLS_FIRST.match(first):
        return unknown
    if AGREES.match(first):
        return {"yes": "yes" if last else "open", "no": "no", "open": "open"}
    if not word["no"] and FORMER.search(following.sentence.text.lower()):
        return unknown
    if not word["no"] and (word.group().startswith("i ") or "actually" in first):
        return {"yes": "yes" if last else "open", "no": "yes", "open": "open"}
    if word["no"]:
        return {"yes": "no", "no": "no", "open": "no"}
    return {"yes": "yes" if last else "open", "no": "no", "open": "open"}
