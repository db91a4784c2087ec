"""Signs that a task or its answer is poor: a table of plain tests, each with its name.

A task without a sign is not proven to be good, and nothing here says that an answer is right.
"""

import re
from collections.abc import Callable
from functools import cache
from importlib import resources

from edgemed.clinic.reading.concepts import concepts
from edgemed.clinic.words import words
from edgemed.evals.metrics import CHOICE, WORD
from edgemed.instructions.answered import Answered
from edgemed.instructions.contamination import END
from edgemed.instructions.likeness import too_like

BEGINNING = 200  # characters at the start of an answer in which a refusal is looked for
SENTENCE = 4  # words of a sentence whose repetition counts
OPTION = re.compile(r"(?<!\w)([AB])\s*[).:]")


def refuses(task: Answered) -> bool:
    """Whether the answer begins with a refusal."""
    begun = task.output[:BEGINNING].lower().replace("’", "'")
    return any(phrase in begun for phrase in refusals())


@cache
def refusals() -> tuple[str, ...]:
    """The phrases of refusals.txt."""
    text = (resources.files("edgemed.instructions") / "refusals.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def is_empty(task: Answered) -> bool:
    return not WORD.search(task.output)


def repeats_task(task: Answered) -> bool:
    """Whether the answer is too like what was asked."""
    return any(text and too_like(task.output, text) for text in (task.asked, task.input))


def repeats_itself(task: Answered) -> bool:
    """Whether a sentence occurs twice in the answer."""
    said = [tuple(WORD.findall(part.lower())) for part in END.split(task.output)]
    long = [sentence for sentence in said if len(sentence) >= SENTENCE]
    return len(set(long)) < len(long)


def is_broken_off(task: Answered) -> bool:
    """Whether an answer of several words ends in mid-sentence."""
    text = task.output.strip()
    return len(WORD.findall(text)) >= SENTENCE and (text[-1].isalnum() or text[-1] in ",;-")


def is_choice(task: Answered) -> bool:
    return "choice" in task.labels.get("type", "").lower()


def lacks_choices(task: Answered) -> bool:
    """Whether a multiple choice task has no A and B."""
    return is_choice(task) and set(OPTION.findall(task.asked)) != {"A", "B"}


def lacks_letter(task: Answered) -> bool:
    """Whether the answer to a multiple choice task names no letter."""
    return is_choice(task) and CHOICE.search(task.output) is None


def names_nothing(task: Answered) -> bool:
    """Whether task and answer name nothing medical that edgemed's lists know."""
    found = (concept for text in (task.asked, task.output) for concept in concepts(words(text)))
    return next(found, None) is None


SIGNS: dict[str, Callable[[Answered], bool]] = {
    "the answer is empty": is_empty,
    "the answer refuses": refuses,
    "the answer repeats the task": repeats_task,
    "the answer says a sentence twice": repeats_itself,
    "the answer breaks off": is_broken_off,
    "multiple choice without choices": lacks_choices,
    "multiple choice, and the answer names none": lacks_letter,
    "nothing medical is named": names_nothing,
}
