"""The prompts: one for a new task, answered within a grammar, and one for its answer.

VERSION changes with every change of a prompt or of the grammar: it is kept with every row.
"""

import json
from dataclasses import asdict

from edgemed_models.base import Message

from edgemed.evals.cases import SURROGATE
from edgemed.instructions.draws import Draw
from edgemed.instructions.task import InstructionTask, Seed

VERSION = 1

TASK_RULES = """\
You write medical tasks. A task has a type, a view (who asks), a difficulty from 1 (easy) to 5 \
(hard), a topic, an instruction and an input.
- The instruction is one or two sentences that say what is to be done, and about what.
- The input is the text, the case or the data that the instruction speaks of: 20 to 120 words. It \
names no real person. Some tasks have no input.
- A multiple choice task gives its choices as A) B) C) D).
- The task suits the view: a patient asks as a patient would, a nurse as a nurse would.
- Write about medicine only, and do not answer the task."""

ANSWER_RULES = """\
You are a careful medical assistant. Do what the task asks, correctly and without empty words. Use \
only facts that the task gives or that are generally accepted, and say what cannot be known. \
Answer a multiple choice question with: The answer is (LETTER), and then the reason."""

FIELDS = ("type", "view", "difficulty", "topic", "instruction", "input")
"""In the order in which they are written: what was drawn comes first."""

TOPIC = r"[A-Z] [A-Za-z0-9 ,'()/-]+"
INSTRUCTION = r"""[A-Z] ([^"\\\x00-\x1F\x7F] | "\\" ["\\])+"""
INPUT = r"""[A-Za-z0-9] ([^"\\\x00-\x1F\x7F] | "\\" ["\\n])+"""


def task_messages(drawn: Draw) -> tuple[Message, ...]:
    """The three seeds, and what the new task shall be."""
    shown = "\n\n".join(as_json(seed) for seed in drawn.shown)
    given = "with an input" if drawn.with_input else "without an input"
    wanted = (
        f'Write one new task of the type "{drawn.type}", for the view "{drawn.view}", of the '
        f"difficulty {drawn.difficulty}, {given}. Choose another topic, and copy no sentence."
    )
    return Message("system", TASK_RULES), Message("user", f"Three tasks:\n\n{shown}\n\n{wanted}")


def answer_messages(task: InstructionTask) -> tuple[Message, ...]:
    """The task as it will be asked, under the rules for answers."""
    return Message("system", ANSWER_RULES), Message("user", task.asked)


def as_json(seed: Seed) -> str:
    """A task as the model is to write one."""
    table = asdict(seed.task)
    return json.dumps({name: table[name] for name in FIELDS}, ensure_ascii=False)


def grammar(drawn: Draw) -> str:
    """The new task's form in GBNF: what was drawn is fixed, the rest is the model's."""
    begun = json.dumps(
        {"type": drawn.type, "view": drawn.view, "difficulty": drawn.difficulty},
        ensure_ascii=False,
    ).removesuffix("}")
    parts = (
        literal(f'{begun}, "topic": "'),
        "topic",
        literal('", "instruction": "'),
        "instruction",
        literal('", "input": "'),
        *(("input",) if drawn.with_input else ()),
        literal('"}'),
    )
    rules = (f"topic ::= {TOPIC}", f"instruction ::= {INSTRUCTION}", f"input ::= {INPUT}")
    return "\n".join((f"root ::= {' '.join(parts)}", *rules, ""))


def literal(text: str) -> str:
    """A text as GBNF writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parsed(text: str, drawn: Draw) -> InstructionTask | None:
    """The task that a model wrote; None where it is not one, as without a grammar or its end."""
    try:
        row = json.loads(text)
        topic, instruction, given = (row[name].strip() for name in FIELDS[-3:])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if SURROGATE.search(topic + instruction + given):
        return None
    return InstructionTask(topic, drawn.view, drawn.type, drawn.difficulty, instruction, given)
