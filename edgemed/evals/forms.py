"""Whether an answer has the form that was asked for: JSON, a bulleted list, or sections.

Merges break forms before they lose knowledge, and a program downstream needs the form. A form is
kept or not; its content is not looked at. JSON may be in a fenced block. The wording of each
request is in `tasks/output-forms.toml`.
"""

import json
import re
from collections.abc import Callable

from edgemed.evals.metrics import BULLET, lines

JSON_KEYS = ("complaint", "findings", "plan")
HEADINGS = ("COMPLAINT", "FINDINGS", "PLAN")
FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n\s*```\s*", re.DOTALL)
HEADING = re.compile(r"[\s#*_]*(COMPLAINT|FINDINGS|PLAN)[\s*_:]*")


def is_json(answer: str) -> bool:
    """One JSON object with the keys, each with a text, and nothing else."""
    fenced = FENCE.fullmatch(answer)
    try:
        table = json.loads(fenced[1] if fenced else answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(table, dict) and all(
        isinstance(table.get(key), str) and table[key].strip() for key in JSON_KEYS
    )


def is_bullets(answer: str) -> bool:
    """Three to six lines, all with a bullet."""
    found = lines(answer)
    return 3 <= len(found) <= 6 and all(map(BULLET.match, found))


def is_sections(answer: str) -> bool:
    """The headings in order on lines of their own, each with text beneath it."""
    found, text = [], True
    for line in lines(answer):
        heading = HEADING.fullmatch(line)
        if heading and not text:
            return False
        if heading:
            found.append(heading[1])
        text = not heading
    return text and found == list(HEADINGS)


FORMS: dict[str, Callable[[str], bool]] = {
    "json": is_json,
    "bullets": is_bullets,
    "sections": is_sections,
}


def has_form(name: str, answer: str) -> float:
    """1 if the answer has the form, else 0."""
    return float(FORMS[name](answer))
