"""Words, sentences and letters of an answer: what it must contain, and how often."""

import re
from collections.abc import Sequence

from edgemed.evals.following.sentences import sentences_of, tokens_of, words_of


def compared(count: int, relation: str, threshold: int) -> bool:
    """Whether a count is `at least` the threshold, or `less than` it."""
    return count < threshold if relation == "less than" else count >= threshold


def is_pattern(text: str) -> bool:
    """Whether a text is a regular expression."""
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def has_keywords(answer: str, keywords: Sequence[str]) -> bool:
    """Every keyword occurs, in whatever case, also inside of a word."""
    return all(re.search(word, answer, re.IGNORECASE) for word in keywords)


def keyword_count(answer: str, keyword: str, frequency: int, relation: str) -> bool:
    """The keyword occurs so often, in whatever case, also inside of a word."""
    found = re.findall(keyword.strip(), answer, re.IGNORECASE)
    return compared(len(found), relation, frequency)


def lacks_words(answer: str, forbidden_words: Sequence[str]) -> bool:
    """None of the words occurs as a whole word."""
    return not any(re.search(rf"\b{word}\b", answer, re.IGNORECASE) for word in forbidden_words)


def letter_count(answer: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    """The letter occurs so often, in whatever case."""
    return compared(answer.lower().count(letter.lower()), let_relation, let_frequency)


def word_count(answer: str, num_words: int, relation: str) -> bool:
    """The answer has so many words: runs of letters, digits and underscores."""
    return compared(len(words_of(answer)), relation, num_words)


def sentence_count(answer: str, num_sentences: int, relation: str) -> bool:
    """The answer has so many sentences."""
    return compared(len(sentences_of(answer)), relation, num_sentences)


def capital_words(answer: str, capital_frequency: int, capital_relation: str) -> bool:
    """So many words are in capitals; a word with hyphens counts as one."""
    found = sum(token.isupper() for token in tokens_of(answer))
    return compared(found, capital_relation, capital_frequency)
