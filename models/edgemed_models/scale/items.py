"""One item of a task: the prompt, the answer, and the facts that are scored.

Knows no model. A fact is one line of the answer, so a summary is scored line by line.
"""

from dataclasses import dataclass

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('This model knows no system turn.') }}{% endif %}"
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}" + USER + "{% else %}" + ASSISTANT + "{% endif %}"
    "{{ message['content'] }}" + END + "{% endfor %}"
    "{% if add_generation_prompt %}" + ASSISTANT + "{% endif %}"
)  # a Jinja chat template: the turns that the trio was trained on


@dataclass(frozen=True, slots=True)
class Item:
    """`prompt` goes into the user's turn; `lines` are the facts of the answer, in order."""

    kind: str
    prompt: str
    answer: str
    lines: tuple[str, ...] = ()
    format: str = ""  # names of the demanded formats, joined by "+"


def with_article(phrase: str) -> str:
    """`phrase` with a or an before it; numbers by how they sound: an 8-year-old, an 81-year-old."""
    number = phrase.split("-")[0].split(" ")[0]
    spoken_with_vowel = number.startswith("8") or number in ("11", "18") or phrase[0] in "aeio"
    return f"{'an' if spoken_with_vowel else 'a'} {phrase}"


def normal(line: str) -> str:
    """`line` for comparing: lower case, single spaces, no final full stop."""
    return " ".join(line.lower().split()).rstrip(".")


def fact_f1(given: tuple[str, ...], expected: tuple[str, ...]) -> float:
    """F1 of the lines `given` against the facts `expected`; repeated lines count as wrong."""
    said, wanted = [normal(x) for x in given if x.strip()], {normal(x) for x in expected}
    if not said or not wanted:
        return float(not said and not wanted)
    right = len(wanted & set(said))
    return 2 * right / (len(said) + len(wanted))
