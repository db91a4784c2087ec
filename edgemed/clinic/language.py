"""Whether a text is English: the checks only know English and must say so when it is not.

Function words decide. Clinical shorthand has few of them, so a text counts as another language
only on positive evidence, and as unknown where there is too little of anything.
"""

import re
from typing import Literal

from edgemed.clinic.spelling import known_words
from edgemed.clinic.words import STOP

Language = Literal["English", "other", "unknown"]

ENGLISH = frozenset(
    "the and of to in is was with for no on at had has he she his her not are were be by or "
    "this that from as an it which denies patient history pain normal without there after".split()
)

# Words common in one language and rare in English clinical text.
OTHERS = frozenset(
    # Spanish, Portuguese, French, Italian
    "el los las del una por para que sin se su y paciente presenta dolor años refiere "
    "dos das em não uma le les des du et une dans pour avec sans est au aux qui ne pas douleur "
    "di della che nel sono dolore "
    # German, Dutch, Scandinavian
    "der das und mit ein eine von ist nicht bei keine wurde auf zur zum een niet geen met og "
    "ikke på til och inte som är "
    # Polish, Turkish, Indonesian, Vietnamese, in Latin letters
    "się jest nie oraz ve bir ile için olarak yang dan dengan tidak của và không".split()
)

# Words that are rare in English notes: they show that a draft is in another language than its note.
# Notes are not judged by them: they have shorthand of every kind, and a foreign note is not
# checked.
FURTHER = frozenset(
    # French
    "de le la les l d du des un une et est sont dans pour avec sans aux sous sur par ne "
    "pas qui que ses il elle ce cette été depuis ans jours jour deux fois patiente femme "
    "homme douleur fièvre toux gauche droite sortie hospitalisé hospitalisée "
    # Spanish
    "el los las del una y en con por sin se su es lo desde hace años días día dos veces "
    "mujer hombre dolor fiebre izquierda derecha "
    # German
    "der das und mit ein eine einer eines einem einen von ist nicht bei keine kein wurde "
    "wird auf zur zum im dem den sich nach seit aus wegen sie er jahre jahr jahren tage "
    "tagen zweimal täglich patientin frau schmerzen links rechts fieber husten "
    # Italian, Portuguese, Dutch
    "di gli della dei che nel è anni giorni donna uomo os dos das em um uma com sem não "
    "ao dias het een van voor niet geen bij zijn jaar dagen vrouw".split()
)
TELLING = (OTHERS | FURTHER) - STOP - ENGLISH

# As in von Willebrand, de Quervain, van der Woude.
OF_A_NAME = re.compile(r"\b(?:(?:[Vv]on|van|de|di|da|la|le|del|der|den) )+(?=[A-Z])")

ENOUGH = 3  # words of a language needed before it is named


LATIN_END = "ɏ"
"""The last of the extended Latin letters."""


def is_mostly_beyond(letters: list[str]) -> bool:
    """Whether many of the letters are of another script."""
    return sum(c > LATIN_END for c in letters) > 0.3 * len(letters)


def language_of(text: str) -> Language:
    """English, other, or unknown, by function words and by script."""
    if not any(c.isalpha() for c in text):
        return "unknown"
    if max(text) > LATIN_END and is_mostly_beyond([c for c in text if c.isalpha()]):
        return "other"
    words = re.findall(r"[^\W\d_]+", text.lower())
    english = sum(word in ENGLISH for word in words)
    others = [word for word in words if word in OTHERS]
    # One such word repeated is shorthand, such as OG for a tube.
    if len(others) >= ENOUGH and len(set(others)) > 1 and len(others) > english:
        return "other"
    return "English" if english else "unknown"


def is_in_another_language(draft: str, note: str) -> bool:
    """Whether a draft of a note that is English, or too short to say, is in another language.

    No text by a person has two different such words that its note lacks and that outnumber its
    English ones; one is enough where no word is English and most words are in neither the note
    nor the lists.
    """
    if language_of(note) == "other":
        return False
    if language_of(draft) == "other":
        return True
    words = re.findall(r"[^\W\d_]+", OF_A_NAME.sub(" ", draft).lower())
    there = set(re.findall(r"[^\W\d_]+", note.lower()))
    english = sum(word in ENGLISH or word in STOP for word in words)
    unknown = [word for word in words if word not in there and word not in known_words()]
    telling = {w for w in words if w in TELLING and w not in there}
    telling |= {word for word in unknown if not word.isascii()}
    count = sum(word in telling for word in words)
    if len(telling) > 1 and count > english:
        return True
    return bool(telling) and not english and 2 * len(unknown) > len(words) > 1
