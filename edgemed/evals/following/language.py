"""Detects the language of an answer with langdetect, seeded so that the result never varies."""

CODES = frozenset(
    "en es pt ar hi fr ru de ja it bn uk th ur ta te bg ko pl "
    "he fa vi ne sw kn mr gu pa ml fi".split()
)
SEED = 0


def detected(text: str) -> str | None:
    """The code of the language; None where it cannot be told (a text of digits, say)."""
    from langdetect import DetectorFactory, LangDetectException, detect

    DetectorFactory.seed = SEED
    try:
        return str(detect(text))
    except LangDetectException:
        return None


def is_in(answer: str, language: str) -> bool:
    """The answer is in this language, or its language cannot be told."""
    return detected(answer) in (language, None)


def is_english_upper(answer: str) -> bool:
    """The answer is English, and every letter a capital."""
    return answer.isupper() and is_in(answer, "en")


def is_english_lower(answer: str) -> bool:
    """The answer is English, and no letter a capital."""
    return answer.islower() and is_in(answer, "en")
