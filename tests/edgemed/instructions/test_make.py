"""Making tasks with a scripted model: what is kept, what is dropped and why, when it gives up."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from edgemed_models.base import Event, Request
from edgemed_models.fake import ScriptedModel

from edgemed.errors import EdgemedError, Refused
from edgemed.instructions import asking
from edgemed.instructions import make as room
from edgemed.instructions.draws import draw
from edgemed.instructions.make import MakeSettings, make
from edgemed.instructions.seeds import own_seeds
from edgemed.instructions.task import InstructionTask
from edgemed.instructions.tries import KEPT, Tries, Try
from tests.edgemed.instructions.writer import pieces, script, task_text, writer

SEEDS = own_seeds()


@pytest.fixture
def tries(tmp_path: Path) -> Iterator[Tries]:
    with Tries(tmp_path / "t.progress", anew=False) as opened:
        opened.begin({"a": 1})
        yield opened


def run(
    model: ScriptedModel, tries: Tries, count: int = 5, most: int = 20, **settings: Any
) -> list[Try]:
    told: list[Try] = []
    make(model, SEEDS, MakeSettings(**settings), "hash", tries, count, most, told.append)
    assert told == tries.all[len(tries.all) - len(told) :]
    return told


def with_input(request: Request) -> bool:
    return " input " in (request.grammar or "").split("\n")[0]


def wrong(at: int, text: Callable[[Request], str], answer: bool = False) -> ScriptedModel:
    """A model whose task, or answer, number `at` (from 0) is `text`."""
    asked = [-1]

    def said(request: Request) -> Sequence[str]:
        if (request.grammar is None) is not answer:
            return script(request)
        asked[0] += 1
        return pieces(text(request)) if asked[0] == at else script(request)

    return ScriptedModel(said)


def test_tasks_are_made_and_say_what_they_were_made_of(tries: Tries) -> None:
    model = writer()
    told = run(model, tries, 5, seed=4, temperature=0.5, task_tokens=50, answer_tokens=60)
    assert tries.tasks == 5 and all(tried.fate == KEPT for tried in told)
    for number, row in enumerate(tries.kept, 1):
        drawn = draw(SEEDS, 4, number)
        assert row["seeds"] == [seed.id for seed in drawn.shown]
        assert (row["type"], row["view"]) == (drawn.type, drawn.view)
        assert row["difficulty"] == drawn.difficulty
        assert (row["task_seed"], row["answer_seed"]) == (drawn.task_seed, drawn.answer_seed)
        assert (row["model_sha256"], row["prompt_version"]) == ("hash", asking.VERSION)
        assert row["try"] == number and row["checked"] is False
        assert bool(row["input"]) == drawn.with_input
    first, second = model.requests[:2]
    assert (first.seed, first.temperature, first.max_tokens) == (
        draw(SEEDS, 4, 1).task_seed, 0.5, 50,
    )  # fmt: skip
    assert (second.grammar, second.max_tokens) == (None, 60)
    assert all(request.stop_loops for request in model.requests)


FATES = {
    room.UNFORMED: wrong(2, lambda r: "no JSON at all"),
    room.SHORT: wrong(2, lambda r: '{"topic": "A", "instruction": "Say it.", "input": "a b c"}'),
    room.LIKE: wrong(2, lambda r: task_text(r).replace(
        "Explain", "Explain how the kidneys keep the potassium level of the blood within narrow "
        "limits, please.\", \"x\": \"")),
    room.SILENT: wrong(1, lambda r: " ... \n", answer=True),
}  # fmt: skip


@pytest.mark.parametrize("fate", FATES)
def test_what_is_no_task_is_dropped_with_its_reason(fate: str, tries: Tries) -> None:
    model = FATES[fate]
    run(model, tries, 4)
    assert tries.fates == {KEPT: 4, fate: 1}


def test_the_same_instruction_is_not_kept_twice(tries: Tries) -> None:
    first: list[str] = []

    def said(request: Request) -> Sequence[str]:
        if request.grammar is None:
            return script(request)
        first.append(task_text(request))
        return pieces(first[0] if len(first) < 4 else first[-1])

    # The copies have an input where the first has, or are too short; both are dropped.
    run(ScriptedModel(said), tries, 3)
    assert tries.fates[room.LIKE] >= 1
    assert len({row["instruction"] for row in tries.kept}) == 3


def test_an_input_that_is_a_seeds_is_dropped(tries: Tries) -> None:
    copied: list[str] = []

    def said(request: Request) -> Sequence[str]:
        text = task_text(request) if request.grammar else ""
        drawn = draw(SEEDS, 0, len(tries.all) + 1)
        if text and with_input(request) and not copied:
            copied.append(drawn.shown[-1].task.input)
            import json

            return pieces(json.dumps(json.loads(text) | {"input": copied[0]}))
        return script(request)

    run(ScriptedModel(said), tries, 4)
    assert tries.fates == {KEPT: 4, room.COPIED: 1}


def test_what_is_cut_is_dropped(tries: Tries) -> None:
    def said(request: Request) -> Sequence[str]:
        number = len(tries.all)
        long = number == (1 if request.grammar else 2)
        return ["word "] * 100 if long else script(request)

    run(ScriptedModel(said), tries, 3, task_tokens=60, answer_tokens=60)
    assert tries.fates == {KEPT: 3, room.UNFINISHED: 1, room.CUT: 1}


NOTE = "Left knee swollen after a fall. Denies fever. Takes aspirin 81 mg daily."
FALSE = "The right knee is swollen, and the patient has fever. He takes aspirin 325 mg daily."
TRUE = "The left knee is swollen after a fall. There is no fever."


@pytest.mark.parametrize("check", [True, False])
def test_answers_that_contradict_their_input_are_dropped_on_request(
    check: bool, tries: Tries
) -> None:
    import json

    def said(request: Request) -> Sequence[str]:
        number = len(tries.all)
        if request.grammar is None:
            return pieces(FALSE if number % 2 else TRUE)
        row = json.loads(task_text(request))
        return pieces(json.dumps(row | {"input": NOTE if with_input(request) else ""}))

    run(ScriptedModel(said), tries, 6, check=check)
    outputs = [row["output"] for row in tries.kept if row["input"]]
    if check:
        assert tries.fates[room.CONTRADICTED] >= 1
        assert set(outputs) == {TRUE}
        assert all(row["checked"] == bool(row["input"]) for row in tries.kept)
    else:
        assert FALSE in outputs and room.CONTRADICTED not in tries.fates


@pytest.mark.parametrize(
    "given, answer, found",
    [
        (NOTE, TRUE, "held"),
        (NOTE, FALSE, "contradicted"),
        ("", FALSE, "not compared"),
        (NOTE, "Das linke Knie ist nach einem Sturz geschwollen, und er hat kein Fieber.",
         "not compared"),
    ],
)  # fmt: skip
def test_a_row_says_whether_anything_was_compared(given: str, answer: str, found: str) -> None:
    task = InstructionTask("Knee", "Nurse", "Summarization", 2, "Summarize the note.", given)
    assert room.compare(task, answer) == found


def test_it_gives_up_after_so_many_tries_in_a_row(tries: Tries) -> None:
    model = ScriptedModel(lambda r: script(r) if len(tries.all) < 3 else pieces("nonsense"))
    with pytest.raises(EdgemedError) as ended:
        run(model, tries, 10, most=7)
    assert "7 tries in a row gave no new task: task without its form (7)" in ended.value.message
    assert "tasks so far" in ended.value.hint and len(tries.all) == 10 and tries.tasks == 3
    run(model, tries, 3, most=7)  # enough tasks: nothing is tried
    with pytest.raises(EdgemedError):
        run(model, tries, 4, most=7)
    assert len(tries.all) == 10


def test_an_engine_that_breaks_loses_no_task(tries: Tries) -> None:
    model = writer()
    run(model, tries, 2)
    model.fail_after = 1
    with pytest.raises(Refused, match="the model process ended"):
        run(model, tries, 4)
    assert tries.tasks == 2
    model.fail_after = None
    run(model, tries, 4)
    assert tries.tasks == 4


def test_a_run_that_was_stopped_anywhere_goes_on_to_the_same_tasks(tmp_path: Path) -> None:
    whole: list[Any] = []
    with Tries(tmp_path / "whole", anew=False) as tries:
        tries.begin({})
        run(writer(), tries, 8, seed=2)
        whole = tries.all

    for at in range(1, 16, 2):
        path = tmp_path / f"at {at}"
        with pytest.raises(KeyboardInterrupt), Tries(path, anew=False) as tries:
            tries.begin({})
            run(Stopped(script, at=at), tries, 8, seed=2)
        with Tries(path, anew=False) as tries:
            tries.begin({})
            run(writer(), tries, 8, seed=2)
            assert tries.all == whole


class Stopped(ScriptedModel):
    """A model that is stopped in its request number `at` (from 1)."""

    def __init__(self, script: Any, at: int) -> None:
        super().__init__(script)
        self.at = at

    def generate(self, request: Request) -> Iterator[Event]:
        self.at -= 1
        if not self.at:
            raise KeyboardInterrupt
        return super().generate(request)
