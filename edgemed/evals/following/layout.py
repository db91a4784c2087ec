"""The form of an answer: its paragraphs, lists, sections and marks, how it begins and ends."""

import json
import re
from itertools import takewhile

THREE = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
FENCES = ("```json", "```Json", "```JSON", "```")
POSTSCRIPTS = {"P.P.S": r"\s*p\.\s?p\.\s?s.*$", "P.S.": r"\s*p\.\s?s\..*$"}
ENDS_A_WORD = frozenset(".,?!'\"")


def full_parts(parts: list[str]) -> int | None:
    """How many parts hold text; None if one between two others is empty."""
    if not all(part.strip() for part in parts[1:-1]):
        return None
    return sum(1 for part in parts if part.strip())


def paragraph_count(answer: str, num_paragraphs: int) -> bool:
    """So many paragraphs, divided by ***."""
    return full_parts(re.split(r"\s?\*\*\*\s?", answer)) == num_paragraphs


def paragraph_begins(answer: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """So many paragraphs, divided by empty lines, and the first word of one of them.

    Empty parts are not counted as paragraphs, yet they count for which one is the nth.
    """
    parts = answer.split("\n\n")
    full = sum(1 for part in parts if part.strip())
    if full != num_paragraphs or nth_paragraph > full:
        return False
    return begins(parts[nth_paragraph - 1]) == first_word.lower()


def begins(paragraph: str) -> str | None:
    """The first word of a paragraph in lower case, up to a mark; None where there is none."""
    found = paragraph.split(maxsplit=1)
    if not found:
        return None
    word = found[0].lstrip("'").lstrip('"')
    return "".join(takewhile(lambda letter: letter not in ENDS_A_WORD, word)).lower()


def placeholders(answer: str, num_placeholders: int) -> bool:
    """At least so many places in square brackets, each on one line."""
    return len(re.findall(r"\[.*?\]", answer)) >= num_placeholders


def postscript(answer: str, postscript_marker: str) -> bool:
    """A postscript with this mark."""
    marker = postscript_marker.strip()
    pattern = POSTSCRIPTS.get(marker, rf"\s*{marker.lower()}.*$")
    return re.search(pattern, answer.lower(), re.MULTILINE) is not None


def bullets(answer: str, num_bullets: int) -> bool:
    """Exactly so many lines with a bullet, `*` or `-`."""
    stars = re.findall(r"^\s*\*[^\*].*$", answer, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", answer, re.MULTILINE)
    return len(stars) + len(dashes) == num_bullets


def is_one_of_three(answer: str) -> bool:
    """One of the three permitted answers occurs."""
    return any(choice in answer for choice in THREE)


def highlights(answer: str, num_highlights: int) -> bool:
    """At least so many places in `*` or `**`; one in `**` counts once for each of the two."""
    single = [part.strip("*") for part in re.findall(r"\*[^\n\*]*\*", answer)]
    double = [part[2:-2] for part in re.findall(r"\*\*[^\n\*]*\*\*", answer)]
    return sum(1 for part in (*single, *double) if part.strip()) >= num_highlights


def sections(answer: str, section_spliter: str, num_sections: int) -> bool:
    """At least so many sections, each begun with a word and a number."""
    return len(re.findall(rf"\s?{section_spliter.strip()}\s?\d+\s?", answer)) >= num_sections


def is_json(answer: str) -> bool:
    """The whole answer is JSON, in a fence or not."""
    text = answer.strip()
    for fence in FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def has_title(answer: str) -> bool:
    """A title in double angle brackets."""
    return any(title.lstrip("<").rstrip(">").strip() for title in re.findall(r"<<[^\n]+>>", answer))


def two_responses(answer: str) -> bool:
    """Two different answers, divided by six stars."""
    parts = answer.split("******")
    full = [part.strip() for part in parts if part.strip()]
    return full_parts(parts) == 2 and full[0] != full[1]


def repeats(answer: str, prompt_to_repeat: str) -> bool:
    """The answer begins with the request, in whatever case."""
    return answer.strip().lower().startswith(prompt_to_repeat.strip().lower())


def ends_with(answer: str, end_phrase: str) -> bool:
    """The answer ends with a phrase, in whatever case; quotation marks after it do not count."""
    return answer.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def is_quoted(answer: str) -> bool:
    """The whole answer is in double quotation marks."""
    text = answer.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def has_no_comma(answer: str) -> bool:
    """No comma occurs."""
    return "," not in answer
