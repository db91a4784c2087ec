"""What a sentence of a transcript owes to its neighbours.

A question takes its answer (`Any fever?` `No.` says that there is no fever), and whoever was
spoken of goes on being spoken of (`My mom.` `She had a stroke.`) until the talk turns.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

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
ASKING_AFTER = re.compile(r"\s*(?:(?:okay|and|so|all right)\b[ ,]*)*(?:how|what) about\b", re.I)
ASKING = re.compile(
    r"\s*(?:(?:okay|all right|alright|and|so|um|uh|good|great|now|well)\b[ ,.]*)*"
    r"(?:do|does|did|have|has|had|are|is|was|were|any|how about|what about|can|could|would|will|"
    r"when|where|what|who|why|how)\b",
    re.IGNORECASE,
)
YOU = re.compile(r"\b(?:do|did|have|has|are|were|can) (?:you|he|she|your)\b", re.IGNORECASE)
# What is a question whatever mark ends it: `Have you had any fever.`
ASKED = re.compile(
    r"\s*(?:(?:okay|all right|alright|and|so|um|uh|good|great|now|well|lastly)\b[ ,.]*)*"
    r"(?:(?:do|does|did|have|has|had|are|is|was|were) (?:you|he|she|it|they|there|your)\b|any\b)",
    re.IGNORECASE,
)
# Words of a sentence that tells; a clinician's few words without them ask: `Fever or chills.`
TELLS = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|do|does|did|will|would|can|could|should|may|might"
    r"|see|seen|want|think|know|need|take|let|get|got|go|going|okay|thank\w*|bye|hi|hello|great)\b"
    r"|'(?:s|re|ve|ll|m)\b",
    re.IGNORECASE,
)
REPLIES = re.compile(
    r"\s*(?:(?:oh|um|uh|well)\b[ ,]*)*(?:no|nope|nah|yes|yeah|yep)\b", re.IGNORECASE
)
# A statement that only waits for a nod: `the x-ray shows a stone, okay?`
TOLD = re.compile(r"[, ](?:okay|ok|all right|alright|you know)\W*\?$", re.IGNORECASE)
# Words in front of the asking with which something is taken for granted; a bare list is asked too.
TAKEN = re.compile(
    r"\b(?:since|with|this|that|the|your|you|you're|because|when|if|has|have|had|is|are|was|were"
    r"|besides|i|we|he|she|it)\b",
    re.IGNORECASE,
)
ALLERGIES = re.compile(r"\ballerg(?:y|ies|ic)\b", re.IGNORECASE)
NO_ALLERGIES = re.compile(  # `No, just penicillin` names one
    r"\W*(?:(?:oh|um|uh|well)\b\W*)*"
    r"(?:no|nope|nah|none|nothing|never|not)\b"
    r"(?!\W+(?:just|only|but|except|other than|apart from)\b)",
    re.IGNORECASE,
)
OUTCOME = {"yes": "some", "no": "none"}  # of a treatment that a question asks for, by its answer
PASSED = 4  # turns behind a question among which its answer is looked for
FILLER = re.compile(
    r"\W*(?:(?:um+|uh+|er|erm|hmm+|oh|ah|well|so|i mean|let me (?:see|think))\b\W*)*", re.I
)
NAMED = 40  # characters of an answer among which the first allergen is named
FEW = 10  # words of a question without a verb
ALTERNATIVE = re.compile(
    r"\bor (?:is|are|was|were|do|does|did|have|has|just|only|more|would|will)\b", re.IGNORECASE
)
GRANTED = re.compile(
    r"\b(?:besides|other th[ae]n|apart from|aside from|except|prior to|before|since|because of)\b",
    re.IGNORECASE,
)
# What a question takes for granted by the word in front: `Does your asthma bother you?`
DEFINITE = re.compile(r"\b(?:your|his|her|their|this|that|these|those)\s+(?:\w+\s+)?$", re.I)
# Asks how a thing is, which no `no` answers: `How is your sleep?` `I cannot sleep.`
OPEN = re.compile(
    r"\s*(?:(?:okay|all right|alright|and|so|well|now|great|good|um)\b[ ,.]*)*"
    r"how(?:'s| is| are| was)(?! (?:your|the|his|her) family)\b",
    re.IGNORECASE,
)
# Asks of the family's others without naming them: `Anyone with diabetes?`
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
# `stop taking any of these`, `if you have any pain`, `tylenol for any pain` ask nothing.
ANY = re.compile(
    r"(?:(?!n't\b|\bnot\b|\bno\b|\bif\b|\bstop\b|\bavoid\b|\bwithout\b).)*(?<!\bfor )\bany\b", re.I
)
CUE = re.compile(
    r"\b(?:any|anything|(?:do|did|have|has|are|were|is|does|can|could) (?:you|he|she|your|it|there)"
    r"|how about|what about)\b",
    re.IGNORECASE,
)
# Whoever speaks of himself tells with `he` of the relative named last.
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
    """The sentences of a transcript, questions resolved by their answers, persons carried on."""
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
    """The first sentence with words in it that somebody else says behind a turn.

    Whoever goes on without asking is passed over; whoever asks again had no answer.
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
    """The clinician asks of the one spoken of: `What was his heart disease?`"""
    return THIRD.search(said.sentence.text) is not None


def _turns_to_patient(said: Said) -> bool:
    """The clinician asks of the patient or of another thing: `your`, or something named.

    `What about a stroke?` asks of the same people as the question before it.
    """
    text = said.sentence.text
    goes_on = ASKING_AFTER.match(text) or ANYONE.search(text)
    illness = any(m.concept.kind == "disease" for m in said.mentions)
    return (bool(said.mentions) and not (goes_on and illness)) or re.search(
        r"\byou(?:r|'re)?\b", ADDRESSES.sub(" ", text), re.I
    ) is not None


def _goes_on(said: Said) -> bool:
    return PRONOUN.match(said.sentence.text) is not None


def is_question(said: Said) -> bool:
    """A sentence that asks."""
    text = said.sentence.text.rstrip()
    if text.endswith(("?", ".")):
        if TOLD.search(text):
            return False
        return text.endswith("?") or any((ASKING_AFTER.match(text), ASKED.match(text)))
    return any((ASKING.match(text), YOU.search(text), ANY.match(text)))


def is_short_question(said: Said, turn: list[Said], following: Said | None) -> bool:
    """A few words of the clinician without a verb that are answered: `Fever or chills.` `No.`"""
    text = said.sentence.text
    return (
        said is turn[-1]
        and said.sentence.role == "clinician"
        and following is not None
        and len(text.split()) <= FEW
        and TELLS.search(text) is None
        and REPLIES.match(following.sentence.text) is not None
    )


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
        first, choice, last = _asked(said)
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
    """`Any allergies?` `Penicillin.` says that there is an allergy, without a yes."""
    if following is None or not _asks_for_allergens(said, following):
        return False
    drugs = [m for m in following.mentions if m.concept.kind == "drug" and m.polarity == "yes"]
    return any(m.span.start - following.sentence.span.start < NAMED for m in drugs)


def _outcomes(cues: Iterable[Cue], mentions: Iterable[Mention]) -> Iterator[Cue]:
    """The cues of a question, what came of a treatment by its answer: `Did it help?` `No.`"""
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
    """What the answer takes up of several things asked: `Tobacco or alcohol?` `I drink wine.`

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
    """Whether the answer can be about it: about anything, if it takes up nothing in particular."""
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
    """Something asked of the family, or of two, is the relative's whom the answer names."""
    if following is None or not (mention.context.person == "family" or len(asked) > 1):
        return mention
    named = {p.name for p in following.people} - {"family"}
    if len(named) != 1 or (len(asked) > 1 and not named <= asked):
        return mention
    return replace(mention, context=replace(mention.context, person=named.pop()))


def _asked(said: Said) -> tuple[int, int, int]:
    """Where the asking begins, where the last of two choices does, and where it ends.

    What is named outside is taken for granted: `since you had this knee pain, any numbness?` asks
    for the numbness, `any allergies besides penicillin?` not for the penicillin.
    """
    text, start = said.sentence.text, said.sentence.span.start
    cue = CUE.search(text)
    first = cue.start() if cue and TAKEN.search(text, 0, cue.start()) else 0
    choice = max([first, *(m.start() for m in ALTERNATIVE.finditer(text))])
    granted = GRANTED.search(text, choice)
    return start + first, start + choice, start + (granted.start() if granted else len(text))


def _answer(following: Said | None, last: bool) -> dict[Polarity, Polarity]:
    """What becomes of something asked, by how it was asked (`no fever?` `right` is a no)."""
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
