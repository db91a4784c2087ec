"""The 25 kinds of instructions of IFEval: a table of what each takes, and whether an answer obeys.

The rules are those of the published checkers, answer by answer, even where they are odd: a keyword
is a regular expression, `less than` is strict, a language that cannot be told counts as obeyed.
One differs: where the letter of `letter_frequency` is a sign (`!`, `#`), that sign is counted; the
published checker counts a random letter instead.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from edgemed.evals.following import language, layout, wording

Fits = Callable[[Any], bool]


class Kind(NamedTuple):
    """`obeys(answer, **arguments)`; `takes`: the arguments, each with what it must be."""

    obeys: Callable[..., bool]
    takes: Mapping[str, Fits] = {}


class Instruction(NamedTuple):
    """One verifiable instruction: its kind, such as `length_constraints:number_words`, and what
    the kind takes."""

    kind: str
    arguments: Mapping[str, Any]


def is_count(value: Any) -> bool:
    """A whole number above zero."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_text(value: Any) -> bool:
    """A text that is not empty."""
    return isinstance(value, str) and bool(value.strip())


def is_texts(value: Any) -> bool:
    """A list of one or more texts."""
    return isinstance(value, list) and bool(value) and all(map(is_text, value))


def is_relation(value: Any) -> bool:
    """How a count is compared."""
    return value in ("at least", "less than")


def is_pattern(value: Any) -> bool:
    """A text that is a regular expression."""
    return is_text(value) and wording.is_pattern(value)


def are_patterns(value: Any) -> bool:
    """Texts that are regular expressions."""
    return is_texts(value) and all(map(is_pattern, value))


def is_letter(value: Any) -> bool:
    """One character."""
    return is_text(value) and len(value) == 1


def is_language(value: Any) -> bool:
    """A language by its code."""
    return value in language.CODES


KINDS: dict[str, Kind] = {
    "keywords:existence": Kind(wording.has_keywords, {"keywords": are_patterns}),
    "keywords:frequency": Kind(
        wording.keyword_count,
        {"keyword": is_pattern, "frequency": is_count, "relation": is_relation},
    ),
    "keywords:forbidden_words": Kind(wording.lacks_words, {"forbidden_words": are_patterns}),
    "keywords:letter_frequency": Kind(
        wording.letter_count,
        {"letter": is_letter, "let_frequency": is_count, "let_relation": is_relation},
    ),
    "language:response_language": Kind(language.is_in, {"language": is_language}),
    "length_constraints:number_sentences": Kind(
        wording.sentence_count, {"num_sentences": is_count, "relation": is_relation}
    ),
    "length_constraints:number_paragraphs": Kind(
        layout.paragraph_count, {"num_paragraphs": is_count}
    ),
    "length_constraints:number_words": Kind(
        wording.word_count, {"num_words": is_count, "relation": is_relation}
    ),
    "length_constraints:nth_paragraph_first_word": Kind(
        layout.paragraph_begins,
        {"num_paragraphs": is_count, "nth_paragraph": is_count, "first_word": is_text},
    ),
    "detectable_content:number_placeholders": Kind(
        layout.placeholders, {"num_placeholders": is_count}
    ),
    "detectable_content:postscript": Kind(layout.postscript, {"postscript_marker": is_pattern}),
    "detectable_format:number_bullet_lists": Kind(layout.bullets, {"num_bullets": is_count}),
    "detectable_format:constrained_response": Kind(layout.is_one_of_three),
    "detectable_format:number_highlighted_sections": Kind(
        layout.highlights, {"num_highlights": is_count}
    ),
    "detectable_format:multiple_sections": Kind(
        layout.sections, {"section_spliter": is_pattern, "num_sections": is_count}
    ),
    "detectable_format:json_format": Kind(layout.is_json),
    "detectable_format:title": Kind(layout.has_title),
    "combination:two_responses": Kind(layout.two_responses),
    "combination:repeat_prompt": Kind(layout.repeats, {"prompt_to_repeat": is_text}),
    "startend:end_checker": Kind(layout.ends_with, {"end_phrase": is_text}),
    "startend:quotation": Kind(layout.is_quoted),
    "change_case:capital_word_frequency": Kind(
        wording.capital_words, {"capital_frequency": is_count, "capital_relation": is_relation}
    ),
    "change_case:english_capital": Kind(language.is_english_upper),
    "change_case:english_lowercase": Kind(language.is_english_lower),
    "punctuation:no_comma": Kind(layout.has_no_comma),
}
