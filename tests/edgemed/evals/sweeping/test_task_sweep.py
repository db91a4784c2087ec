"""A sweep on tasks with scripted models: what is asked of whom, what goes on, what is chosen."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edgemed_models.base import Request
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.fake import ScriptedModel
from edgemed_models.scale import path_of

from edgemed.errors import Refused, UsageError
from edgemed.evals import answers
from edgemed.evals import evaluate as evaluating
from edgemed.evals.sweep_file import parse_sweep
from edgemed.evals.sweeping import examples as examining
from edgemed.evals.sweeping import points, task_rounds
from edgemed.evals.sweeping.broken import Surprise, perplexity_of, refuse_broken
from edgemed.evals.sweeping.budget import Clock
from edgemed.evals.sweeping.page import page
from edgemed.evals.sweeping.report import as_data, retained
from edgemed.evals.sweeping.sweep import Silent, Way
from edgemed.evals.sweeping.task_rounds import sweep_tasks
from edgemed.evals.sweeping.task_sweep import (
    Swept,
    SweptTask,
    TaskSweep,
    curve_rows,
    development_of,
    refuse_axes,
)
from edgemed.evals.tasks.items import sampled
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import read_task
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options
from tests.edgemed.evals import task_files as files

WAY = Way(path_of("clinical"), path_of("instruct"))
TS = (0.0, 0.25, 0.5, 0.75, 1.0)
DATA = {
    "mts-dialog": ("mts-dialog/MTS-Dialog-ValidationSet.csv", files.MTS),
    "output-forms": (),
}
REFERENCE = "the patient has asthma and takes aspirin every day"


class World:
    """Models of which the writing gets worse with t, and the form better: at 0.5 both are fair.
    Where t is not the same everywhere, the file holds that of the writing and that of the form."""

    def __init__(self) -> None:
        self.merged: list[float] = []
        self.asked: list[tuple[float, str]] = []
        self.now = 0.0

    def merge(self, way: Way, t: float, exam: object, merged: Path, listener: object) -> None:
        self.merged.append(t)
        merged.write_text(str(t), "utf-8")
        self.now += 1

    def start(self, settings: EngineSettings) -> ScriptedModel:
        ts = [float(word) for word in Path(settings.path).read_text("utf-8").split()]
        return ScriptedModel(lambda request: self.answer(ts[0], ts[-1], request))

    def answer(self, t: float, form: float, request: Request) -> Sequence[str]:
        self.now += 2
        prompt = request.messages[-1].content
        self.asked.append((t, prompt))
        if "hyphen" in prompt or "JSON" in prompt or "three sections" in prompt:
            number = int(prompt.rpartition("case ")[2].split()[0])
            right = "hyphen" in prompt and number % 4 < 4 * form + 1
            return ["- a\n- b\n- c" if right else "no list"]
        words = REFERENCE.split()
        return [" ".join(words[: max(1, round(len(words) * (1 - 0.6 * t)))])]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(points, "merge_at", world.merge)
    monkeypatch.setattr(points, "perplexity_of", lambda path, options: 30.0)
    monkeypatch.setattr(task_rounds, "refuse_merges", lambda *_: [])
    monkeypatch.setattr(evaluating, "start", world.start)
    monkeypatch.setattr(answers, "start", world.start)
    for module in (evaluating, examining):
        monkeypatch.setattr(
            module, "planned", lambda model, task, items: EngineSettings(str(model.path), 512, 1)
        )
    monkeypatch.setattr("edgemed.evals.sweeping.budget.time.monotonic", lambda: world.now)
    return world


@pytest.fixture
def plan(tmp_path: Path) -> TaskSweep:
    for name in DATA["mts-dialog"]:
        rows = [
            (
                str(n),
                "CC",
                REFERENCE,
                f"Doctor: Hello.\nPatient: This is case {n} of {name[11:15]}.",
            )
            for n in range(24)
        ]
        files.put_csv(tmp_path / "data" / name, [files.MTS_HEAD, *rows])
    return planned(tmp_path, 24)


def planned(folder: Path, limit: int) -> TaskSweep:
    sections = []
    for name in DATA:
        task = read_task(name)
        task = replace(task, metrics=(task.table["decides"], "words"))  # the fast ones
        early = development_of(task)
        assert early is not None
        early = replace(early, metrics=task.metrics)
        some = [sampled(load(t, folder / "data"), name, 0, limit) for t in (task, early)]
        sections.append(SweptTask(task, some[0], early, some[1]))
    return TaskSweep(WAY, TS, sections, Options(threads=1), folder / "out", limit, 0)


def last(found: Iterator[Swept]) -> Swept:
    return list(found)[-1]


def test_t_is_chosen_on_development_and_tested_beside_the_parents(
    plan: TaskSweep, world: World
) -> None:
    found = last(sweep_tasks(plan, Clock(None, 0.0), Silent()))
    assert found.choice is not None and found.choice.point in (0.25, 0.5, 0.75)
    assert [part.points for part in found.rounds] == [TS]
    assert set(found.tests) == {0.0, found.choice.point, 1.0}
    ours = [t for t, prompt in world.asked if "Test" not in prompt and "of MTS-" in prompt]
    assert {t for t, _ in world.asked} == set(TS) and ours
    development = {item.key for s in plan.sections for item in s.development_items}
    assert development and len(world.asked) == 2 * 24 * (5 + 3)
    rows = {row.task.name: row for row in retained(plan, found)}
    assert rows["mts-dialog"].kept.share is not None
    assert rows["output-forms"].kept.parent == pytest.approx(8 / 24)
    assert not list(plan.folder.glob("*merged*"))


def test_a_sweep_that_was_stopped_goes_on_and_asks_nothing_twice(
    plan: TaskSweep, world: World
) -> None:
    first = sweep_tasks(plan, Clock(None, 0.0), Silent())
    next(first)
    next(first)
    first.close()
    half = len(world.asked)
    assert half == 2 * 24 * 5
    whole = last(sweep_tasks(plan, Clock(None, 0.0), Silent()))
    assert len(world.asked) == half + 2 * 24 * 3
    merged, asked = len(world.merged), len(world.asked)
    again = last(sweep_tasks(plan, Clock(None, 0.0), Silent()))
    assert (len(world.merged), len(world.asked)) == (merged, asked)
    assert again.choice == whole.choice and again.tests == whole.tests


def test_a_budget_halves_the_merges_and_keeps_the_parents(plan: TaskSweep, world: World) -> None:
    found = last(sweep_tasks(plan, Clock(5000, 0.0), Silent()))
    assert [part.items["mts-dialog"] for part in found.rounds] == [6, 12, 24]
    assert [len(part.points) for part in found.rounds] == [5, 4, 3]
    assert all({0.0, 1.0} <= set(part.points) for part in found.rounds)
    assert world.now <= 5000


def test_a_round_that_does_not_fit_is_not_begun_and_the_test_shrinks(
    plan: TaskSweep, world: World
) -> None:
    clock = Clock(420, 0.0)
    found = last(sweep_tasks(plan, clock, Silent()))
    assert len(found.rounds) == 1 and "would take" in found.stopped
    assert len(found.rounds[0].points) == 5
    sizes = {len(items) for items in found.test_items.values()}
    assert all(0 < size < 24 for size in sizes) and clock.spent <= 420 + 10


def test_a_budget_that_is_too_small_is_refused_by_what_was_measured(
    plan: TaskSweep, world: World
) -> None:
    with pytest.raises(Refused, match="first round of 3 merges takes") as refused:
        last(sweep_tasks(plan, Clock(100, 0.0), Silent()))
    assert "minutes in all" in refused.value.hint
    assert {t for t, _ in world.asked} == {0.0, 1.0}


def test_seconds_of_an_earlier_run_are_the_measure_of_the_next(
    plan: TaskSweep, world: World
) -> None:
    with pytest.raises(Refused):
        last(sweep_tasks(plan, Clock(100, 0.0), Silent()))
    asked, now = len(world.asked), world.now
    with pytest.raises(Refused, match="first round of 3 merges takes"):
        last(sweep_tasks(plan, Clock(30, now), Silent()))
    assert len(world.asked) == asked
    (plan.folder / "seconds.json").write_text('{"merges": [1], "items": {}}', "utf-8")
    clock = Clock(5000, now)
    assert last(sweep_tasks(plan, clock, Silent())).tests and clock.merges[1] > 2


def test_a_broken_parent_is_named_before_any_question(
    plan: TaskSweep, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter((31.0, 9000.0))
    monkeypatch.setattr(points, "perplexity_of", lambda path, options: next(values))
    with pytest.raises(Refused, match=r"instruct.gguf seems broken.* 9,000, .*clinical.gguf 31"):
        last(sweep_tasks(plan, Clock(None, 0.0), Silent()))
    assert not world.asked
    values = iter((31.0, 9000.0))
    assert last(sweep_tasks(replace(plan, force_broken=True), Clock(None, 0.0), Silent())).choice


@pytest.mark.parametrize(("a", "b"), [(100.0, 9.0), (9.0, float("inf")), (float("nan"), 9.0)])
def test_far_above_its_twin_is_broken(a: float, b: float) -> None:
    with pytest.raises(Refused, match="seems broken"):
        refuse_broken(Surprise(a, b), ("a", "b"))


def test_near_its_twin_is_not_broken() -> None:
    refuse_broken(Surprise(40.0, 9.0), ("a", "b"))


def test_noise_in_the_weights_is_seen_in_plain_english(data: Path, tmp_path: Path) -> None:
    """A small model of English, and a copy with half of an embedding overwritten."""
    stories = data / "models" / "stories260k" / "stories260K.gguf"
    tensor = open_model(stories).tensors["token_embd.weight"]
    raw = bytearray(stories.read_bytes())
    middle = tensor.offset + tensor.nbytes // 2
    noise = np.random.default_rng(0).normal(0, 2, tensor.nbytes // 8).astype("<f4")
    raw[middle : middle + len(noise.tobytes())] = noise.tobytes()
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(raw)
    whole, half = (perplexity_of(p, Options(context=256, threads=1)) for p in (stories, broken))
    with pytest.raises(Refused, match=r"broken\.gguf seems broken"):
        refuse_broken(Surprise(half, whole), ("broken.gguf", stories.name))


def test_results_of_other_parents_are_not_gone_on_with(plan: TaskSweep, world: World) -> None:
    last(sweep_tasks(plan, Clock(None, 0.0), Silent()))
    other = replace(plan, way=Way(path_of("base"), path_of("instruct")))
    with pytest.raises(Refused, match="different model"):
        last(sweep_tasks(other, Clock(None, 0.0), Silent()))


def test_knowledge_alone_does_not_choose() -> None:
    tasks = [read_task(name) for name in ("mmlu-medical", "medqa")]
    with pytest.raises(UsageError, match="without a task of the axis clinical and instructions"):
        refuse_axes(tasks, False)
    refuse_axes(tasks, True)
    with pytest.raises(UsageError, match="clinical"):
        refuse_axes([read_task("ifeval")], False)
    with pytest.raises(UsageError):  # it has no development split to choose on
        refuse_axes([read_task("medqa")], True)
    refuse_axes([read_task("meqsum"), read_task("ifeval")], False)


def test_curve_and_page_hold_figures_and_no_text(plan: TaskSweep, world: World) -> None:
    clock = Clock(None, 0.0)
    found = last(sweep_tasks(plan, clock, Silent()))
    rows = curve_rows(plan, found)
    import json

    (curve,) = parse_sweep("".join(json.dumps(row) + "\n" for row in rows), "x")
    assert [point.t for point in curve.points] == list(TS)
    data = as_data(plan, found, clock, "edgemed merge <a> b")
    written = page(json.loads(json.dumps(data)), "edgemed sweep <a> b")
    assert written.count("<svg") == 2 and "&lt;a&gt; b" in written and "<script" not in written
    kept = "".join(path.read_text("utf-8") for path in plan.folder.rglob("*.jsonl"))
    assert "asthma" not in kept + written + json.dumps(data)


def test_examples_are_on_the_page_alone_and_only_where_they_are_asked_for(
    plan: TaskSweep, world: World
) -> None:
    clock = Clock(None, 0.0)
    found = last(sweep_tasks(replace(plan, examples=2), clock, Silent()))
    assert found.choice is not None and len(found.examples) == 4
    one = found.examples[0]
    assert one.reference == REFERENCE and "This is case" in one.question
    assert list(one.answers) == ["t = 0", f"t = {found.choice.point:g}", "t = 1"]
    assert one.answers["t = 0"] == REFERENCE != one.answers["t = 1"]
    assert not found.examples[2].reference and found.examples[2].answers["t = 0"] == "no list"
    data = as_data(plan, found, clock, "")
    written = page(data, "x", found.examples)
    assert written.count(REFERENCE) == 4 and "CC BY 4.0" in written
    kept = "".join(path.read_text("utf-8") for path in plan.folder.rglob("*.json*"))
    assert "asthma" not in kept + str(data) + page(data, "x")
    odd = one._replace(question="<script>alert(1)</script>")
    assert "<script" not in page(data, "x", [odd])
