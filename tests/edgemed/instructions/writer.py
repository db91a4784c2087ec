"""A scripted model that writes tasks and answers: each follows from the request alone."""

import json
import random
import time

from edgemed_models.base import Request
from edgemed_models.fake import ScriptedModel

WORDS = (
    "fever cough asthma insulin potassium stroke kidney liver rash wound pulse nausea dizziness "
    "aspirin metformin ramipril statin warfarin salbutamol morphine biopsy scan vaccine allergy"
).split()


def task_text(request: Request) -> str:
    """A task within the grammar's form; its words follow from the request's seed."""
    drawn = random.Random(request.seed)
    said = " ".join(drawn.sample(WORDS, 8))
    row = {"topic": drawn.choice(WORDS).title(), "instruction": f"Explain {said}.", "input": ""}
    if " input " in (request.grammar or "").split("\n")[0]:
        row["input"] = f"The patient has {' and '.join(drawn.sample(WORDS, 5))}."
    return json.dumps(row)


def script(request: Request) -> list[str]:
    """The pieces of a task where there is a grammar, else of an answer."""
    if request.grammar is not None:
        return pieces(task_text(request))
    drawn = random.Random(f"{request.seed} {request.messages[-1].content}")
    return pieces(f"Think of {' and '.join(drawn.sample(WORDS, 4))}.")


def pieces(text: str) -> list[str]:
    """A text word by word."""
    return [f"{word} " for word in text.split(" ")]


def writer() -> ScriptedModel:
    """A model that always gives a task and an answer."""
    return ScriptedModel(script)


class Slow(ScriptedModel):
    """A writer that takes its time, so that it can be stopped in between."""

    def __init__(self) -> None:
        super().__init__(script, delay=0.0002)

    def _paused(self) -> bool:
        """Sleeps: Ctrl-C inside an event's wait can leave its lock in disorder."""
        time.sleep(self.delay)
        return False
