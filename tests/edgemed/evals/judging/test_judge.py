"""The work of a judge: who is loaded when, what is kept, what goes on, what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.base import Request
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.fake import ScriptedModel
from edgemed_models.scale import path_of

from edgemed.errors import Refused, UsageError
from edgemed.evals import answers
from edgemed.evals.evaluate import Examinee
from edgemed.evals.examining import Outcome
from edgemed.evals.judging import judge as judging
from edgemed.evals.judging import questions
from edgemed.evals.judging.family import kinship
from edgemed.evals.judging.judge import (
    Judging,
    figures_said,
    judge_items,
    refuse_early,
    refuse_unjudged,
)
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import read_task
from edgemed.local_models.loading import Options
from tests.edgemed.evals import task_files as files

TASK = replace(read_task("mts-dialog"), max_tokens=12)
OPTIONS = Options(context=1024, threads=1)


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    rows = [
        (str(n), "ALLERGY", f"Penicillin {n}.", f"{files.DIALOGUE} Visit {n}.") for n in range(5)
    ]
    files.put_csv(tmp_path / files.MTS, [files.MTS_HEAD, *rows])
    return load(TASK, tmp_path)


@pytest.fixture
def pair(tmp_path: Path) -> Judging:
    """Three copies of one model under other names, told apart by what stands for their hashes."""

    def copied(name: str) -> Examinee:
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(path_of("instruct").read_bytes())
        return Examinee(path, OPTIONS, ((path.name, name),))

    return Judging(copied("judge"), (copied("ours"), copied("theirs")))


def told(settings: EngineSettings, request: Request) -> str:
    """Ours is good in visits 0 to 3; the judge says nothing of visit 4."""
    text = request.messages[0].content
    name = Path(settings.path).stem
    if name != "judge":
        return "poor" if name == "theirs" else "good"
    if request.grammar is not None:
        return '{"fluency": 2, "relevance": 3, "completeness": 4, "proficiency": 5}'
    if "Visit 4" in text:
        return "hm"
    return "A" if text.index("good") < text.index("poor") else "B"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Who was loaded, and how many requests it got, in order."""
    calls: list[tuple[str, int]] = []

    def fake(settings: EngineSettings) -> ScriptedModel:
        class Told(ScriptedModel):
            def generate_many(self, requests):  # type: ignore[no-untyped-def]
                calls.append((Path(settings.path).stem, len(requests)))
                return super().generate_many(requests)

            def close(self) -> None:
                calls.append(("closed", 0))

        return Told(lambda request: [told(settings, request)])

    monkeypatch.setattr(answers, "start", fake)
    return calls


def test_a_pair_is_judged_in_both_orders_and_never_with_two_models_loaded(
    pair: Judging, items: list[Item], heard: list[tuple[str, int]], tmp_path: Path
) -> None:
    found = judge_items(pair, TASK, items, tmp_path / "o.jsonl")
    assert heard == [
        ("ours", 5), ("closed", 0), ("theirs", 5), ("closed", 0), ("judge", 10), ("closed", 0),
    ]  # fmt: skip
    assert [one.scores["win"] for one in found] == [(1, 1)] * 4 + [(0, 0)]
    assert [one.scores["unparsable"][0] for one in found] == [0] * 4 + [1]
    kept = (tmp_path / "o.jsonl").read_text()
    assert "good" not in kept and "Penicillin" not in kept


def test_an_item_without_a_verdict_widens_no_interval() -> None:
    said = [questions.scored_pair(("A", "A"), "x", "y")] * 2
    unsaid = [questions.scored_pair(("A", "hm"), "x", "y")] * 2
    found = {f.measure: f for f in figures_said([Outcome(scores) for scores in said + unsaid])}
    assert found["win"].value == (0.5, 0.5, 0.5) and found["win"].items == 2
    assert found["unparsable"].value.value == 0.5 and found["unparsable"].items == 4


def test_one_model_is_judged_by_four_axes(
    pair: Judging, items: list[Item], heard: list[tuple[str, int]], tmp_path: Path
) -> None:
    alone = Judging(pair.judge, pair.judged[:1])
    found = judge_items(alone, TASK, items[:2], tmp_path / "o.jsonl")
    assert [one.scores["completeness"] for one in found] == [(4, 1)] * 2
    assert [who for who, _ in heard if who != "closed"] == ["ours", "judge"]


def test_a_run_that_was_stopped_goes_on_behind_its_last_group(
    pair: Judging,
    items: list[Item],
    heard: list[tuple[str, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "GROUP", 2)

    def stop(who: str, done: int, total: int) -> None:
        if who == "judge" and heard.count(("judge", 4)) == 2:
            raise KeyboardInterrupt

    out = tmp_path / "o.jsonl"
    with pytest.raises(KeyboardInterrupt):
        judge_items(pair, TASK, items, out, stop)
    heard.clear()
    whole = judge_items(pair, TASK, items, out)
    assert [count for who, count in heard if who == "judge"] == [4, 2]
    heard.clear()
    assert judge_items(pair, TASK, items, out) == whole and not heard
    assert refuse_early(pair, TASK, items, out) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda b: Judging(replace(b.judge, hashes=(("j", "0"),)), b.judged), "judge"),
        (lambda b: Judging(b.judge, b.judged[::-1]), "model"),
        (lambda b: Judging(b.judge, b.judged[:1]), "judge's question, model"),
    ],
)
def test_verdicts_of_another_bench_are_never_mixed_in(
    pair: Judging,
    items: list[Item],
    heard: list[tuple[str, int]],
    tmp_path: Path,
    change: Callable[[Judging], Judging],
    says: str,
) -> None:
    out = tmp_path / "o.jsonl"
    judge_items(pair, TASK, items[:1], out)
    with pytest.raises(Refused, match=f"different .*{says}"):
        judge_items(change(pair), TASK, items, out)


def test_room_is_asked_for_the_longest_answers_before_any_question(
    pair: Judging, items: list[Item], heard: list[tuple[str, int]], tmp_path: Path
) -> None:
    long = replace(TASK, max_tokens=700)
    with pytest.raises(Refused, match=r"MTS.*line 2: .*do not fit into the context of 1024"):
        refuse_early(pair, long, items, tmp_path / "o.jsonl")
    assert not heard


def test_what_a_program_verifies_is_not_judged() -> None:
    for name in ("ifeval", "output-forms", "medqa"):
        with pytest.raises(UsageError, match="verified by a program"):
            refuse_unjudged(read_task(name))
    refuse_unjudged(read_task("meqsum"))


def test_a_family_is_known_by_its_vocabulary_or_its_name(pair: Judging) -> None:
    instruct, clinical = path_of("instruct"), path_of("clinical")
    assert kinship(pair.judge.path, pair.judged[0].path) == "they have the same vocabulary"
    assert kinship(instruct, instruct) == "it is the judged model itself"
    assert kinship(instruct, clinical) == "they have the same vocabulary"
