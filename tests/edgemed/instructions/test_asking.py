"""The prompts and the grammar: what was drawn is fixed, what the model wrote is read back."""

import hashlib
import json
from collections import Counter

import pytest
from edgemed_models.answer import ask
from edgemed_models.base import Request
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.scale import path_of
from edgemed_models.scale.items import TEMPLATE

from edgemed.instructions import asking
from edgemed.instructions.draws import SAMPLING, Draw, draw
from edgemed.instructions.seeds import own_seeds
from edgemed.instructions.task import InstructionTask, Seed
from edgemed.local_models.loading import start

ODD = Seed(
    "odd", InstructionTask("T", 'Nurse "A" \\ é', "Type [x] 'y'", 5, "Do it well.", "Some data.")
)


def test_a_change_of_the_prompts_changes_their_version() -> None:
    """Where this fails: raise VERSION in asking.py, and put the new digest here."""
    drawn = Draw((ODD, ODD, ODD), 0, 0)
    said = [m.content for m in (*asking.task_messages(drawn), *asking.answer_messages(ODD.task))]
    digest = hashlib.sha256(json.dumps([said, asking.grammar(drawn)]).encode()).hexdigest()
    assert (asking.VERSION, digest[:16]) == (1, "0c541945f4637de1")


def test_the_seeds_are_in_the_prompt_and_the_answer_is_asked_as_adapt_learns_it() -> None:
    drawn = draw(own_seeds(), 3, 1)
    _, user = asking.task_messages(drawn)
    assert all(seed.task.instruction in user.content for seed in drawn.shown)
    task = drawn.shown[0].task
    assert asking.answer_messages(task)[-1].content == task.asked


def test_three_different_seeds_are_drawn_and_every_one_comes_up() -> None:
    seeds = own_seeds()
    draws = [draw(seeds, 5, number) for number in range(1, 401)]
    assert all(len({seed.id for seed in drawn.shown}) == 3 for drawn in draws)
    shown = Counter(seed.id for drawn in draws for seed in drawn.shown)
    assert len(shown) == len(seeds) and max(shown.values()) < 40
    assert len({drawn.task_seed for drawn in draws} | {d.answer_seed for d in draws}) == 800
    assert all(0 <= drawn.task_seed < SAMPLING for drawn in draws)
    assert {d.type for d in draws} == {seed.task.type for seed in seeds}


def test_a_draw_follows_from_seed_and_number_alone() -> None:
    seeds = own_seeds()
    assert draw(seeds, 5, 7) == draw(list(seeds), 5, 7)
    assert draw(seeds, 5, 7) != draw(seeds, 5, 8) and draw(seeds, 5, 7) != draw(seeds, 6, 7)
    # On every version of Python: figures from the first one.
    first = draw(seeds, 0, 1)
    assert [s.id for s in first.shown] == ["edgemed-028", "edgemed-013", "edgemed-030"]
    assert (first.task_seed, first.answer_seed) == (2394950177, 3045131602)


NO_TASKS = (
    "", "{", "[]", "5", '{"topic": "a"}', '{"topic": 1, "instruction": "a", "input": ""}',
    '{"topic": "\\ud800", "instruction": "a", "input": ""}',
)  # fmt: skip


@pytest.mark.parametrize("text", NO_TASKS)
def test_what_is_no_task_is_none(text: str) -> None:
    assert asking.parsed(text, Draw((ODD, ODD, ODD), 0, 0)) is None


def test_a_task_is_read_back() -> None:
    drawn = draw(own_seeds(), 1, 2)
    row = {"topic": " Fever ", "instruction": 'Say "what".', "input": "a\nb", "view": "ignored"}
    found = asking.parsed(json.dumps(row), drawn)
    assert found == InstructionTask(
        "Fever", drawn.view, drawn.type, drawn.difficulty, 'Say "what".', "a\nb"
    )


def test_the_engine_writes_within_the_grammar() -> None:
    settings = EngineSettings(
        str(path_of("instruct")), context=1024, threads=1, chat_template=TEMPLATE
    )
    model = start(settings)
    drawn = Draw((ODD, ODD, ODD), 0, 0)
    begun = json.dumps(
        {"type": ODD.task.type, "view": ODD.task.view, "difficulty": 5}, ensure_ascii=False
    )
    try:
        asked = Request(asking.task_messages(drawn)[1:], 400, 0.8, 1, grammar=asking.grammar(drawn))
        answer = ask(model, asked)
    finally:
        model.close()
    assert answer.text.startswith(begun[:-1] + ', "topic": "')
    if answer.complete:
        assert asking.parsed(answer.text, drawn) is not None
