"""Clinical prompts as in real use: line breaks, headings, the product's own prompt around a note.

For training only; the examination asks in the plain form.
"""

from random import Random

from edgemed.clinic.note import parse
from edgemed.clinic.summarizing.template import Template, messages

HEADINGS = ("NOTE", "DISCHARGE NOTE", "SAMPLE NOTE (an invented patient)", "Ward note", "Visit:")
AS_WRITTEN = 0.65  # the share left alone
PRODUCT = 0.08  # the share in the product's prompt, which is 180 tokens longer


def formed(rng: Random, prompt: str, room: int) -> str:
    """`prompt`, a note and a request on its last line, in one of the forms."""
    share = rng.random()
    if share < AS_WRITTEN:
        return prompt
    note, request = prompt.rsplit("\n", 1)
    note = laid_out(rng, note)
    if share > 1 - PRODUCT and room >= 400:
        return asked_by_product(note, request)
    return f"{note}\n{request}"


def laid_out(rng: Random, note: str) -> str:
    """Lines broken after some sentences, perhaps under a heading."""
    often = rng.choice((0.0, 0.3, 0.6, 1.0))
    first, *others = note.split(". ")
    broken = first + "".join((".\n" if rng.random() < often else ". ") + x for x in others)
    return f"{rng.choice(HEADINGS)}\n{broken}" if rng.random() < 0.4 else broken


def asked_by_product(note: str, request: str) -> str:
    """The one turn that edgemed makes of a template for a model without system turns."""
    template = Template("", "", "", request, 1, 200, (), "text", {}, "", "")
    rules, user = messages(template, parse(note))
    return f"{rules.content}\n\n{user.content}"
