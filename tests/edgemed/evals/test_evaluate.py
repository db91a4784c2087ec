"""A model on tasks: what is asked, results that go on, and refusals of what does not belong."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.base import Message
from edgemed_models.fake import ScriptedModel
from edgemed_models.scale import path_of

from edgemed.errors import Refused
from edgemed.evals import evaluate as evaluating
from edgemed.evals import examining, results
from edgemed.evals.evaluate import Examinee, evaluate, examinee, refuse_early
from edgemed.evals.examining import Outcome, asked, asked_together, prompts
from edgemed.evals.figures import figures, other_outcomes, verdicts
from edgemed.evals.results import held, read_results
from edgemed.evals.tasks.items import Item, sampled
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import read_task
from edgemed.gguf import open_model
from edgemed.local_models.at_once import MOST
from edgemed.local_models.loading import Options, load_model
from tests.edgemed.evals import task_files as files

OPTIONS = Options(context=1024, threads=1)
MEDQA, IFEVAL, MTS = (read_task(name) for name in ("medqa", "ifeval:full", "mts-dialog"))
SHORT = replace(IFEVAL, max_tokens=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    files.put_lines(folder / files.MEDQA, [files.medqa_row(n) for n in range(6)])
    files.put_lines(folder / files.IFEVAL, [files.ifeval_row(n) for n in range(3)])
    row = ("0", "ALLERGY", "Penicillin.", files.DIALOGUE)
    files.put_csv(folder / files.MTS, [files.MTS_HEAD, row])
    return folder


@pytest.fixture(scope="module")
def questions(folder: Path) -> list[Item]:
    return load(MEDQA, folder)


@pytest.fixture(scope="module")
def model() -> Examinee:
    return examinee(path_of("instruct"), OPTIONS)


def test_options_are_scored_as_the_whole_answer_of_a_turn(questions: list[Item]) -> None:
    heard: list[tuple[str, str]] = []

    def scorer(messages: Sequence[Message], option: str) -> list[float]:
        (message,) = messages  # no system prompt
        assert message.role == "user"
        heard.append((message.content, option))
        return {"B": [-1.0], "Surgery": [-1.0, -1.5], "Insulin": [-2.0, -0.4]}.get(option, [-9.0])

    found = asked(ScriptedModel(scorer=scorer), MEDQA, questions[0])
    assert [option for _, option in heard] == [*"ABCD", "Rest", "Aspirin", "Surgery", "Insulin"]
    assert "B. Aspirin" in heard[0][0] and "Aspirin" not in heard[4][0]
    # Insulin is likeliest, -2.4; by the byte too: -2.4 / 7 against -9 / 7 and -2.5 / 7
    assert found.scores == {"letter": (1, 1), "text": (0, 1), "text-per-byte": (0, 1)}


def test_by_the_byte_a_longer_option_can_win(folder: Path) -> None:
    options = {"A": "No", "B": "Aspirin and much rest"}
    files.put_lines(folder / "more" / files.MEDQA, [files.medqa_row(options=options)])
    (item,) = load(MEDQA, folder / "more")
    model = ScriptedModel(scorer=lambda m, option: [-2.0 if option == "No" else -4.0])
    assert asked(model, MEDQA, item).scores["text"] == (0, 1)
    assert asked(model, MEDQA, item).scores["text-per-byte"] == (1, 1)


def test_in_two_passes_the_letter_comes_after_the_models_own_words(questions: list[Item]) -> None:
    task, heard = read_task("medqa-two-pass"), []

    def scorer(messages: Sequence[Message], option: str) -> list[float]:
        heard.append([m.role for m in messages])
        assert messages[1].content == "Aspirin helps."
        return [-1.0 if option == "B" else -2.0]

    model = ScriptedModel(["Aspirin ", "helps."], scorer=scorer)
    found = asked(model, task, questions[0])
    assert found == Outcome({"two-pass": (1.0, 1.0)}, 2, False)
    assert heard == [["user", "assistant", "user"]] * 4
    (prompt,) = prompts(task, questions[0])
    assert prompt.room > task.max_tokens + len(task.prompts["letter"])


def test_a_written_answer_is_compared_and_a_cut_one_counted(folder: Path) -> None:
    (item,) = load(MTS, folder)
    whole = ScriptedModel(["Penicillin", "."])
    found = asked(whole, MTS, item)
    assert found.scores["rouge1"] == (1, 1) and (found.tokens, found.cut) == (2, False)
    (request,) = whole.requests
    assert request.temperature == 0 and request.max_tokens == 512 and not request.stop_loops
    assert "Allergies" in request.messages[0].content
    assert asked(ScriptedModel(["a "] * 600), MTS, item).cut


def test_instructions_are_verified_on_the_greedy_answer(folder: Path) -> None:
    item = load(IFEVAL, folder)[0]
    model = ScriptedModel(["Three words, ", "here"])
    assert asked(model, IFEVAL, item).scores["prompt-strict"] == (0, 1)
    assert asked(model, IFEVAL, item).scores["instruction-strict"] == (1, 2)
    assert model.requests[0].messages == (Message("user", item.fields["prompt"]),)
    assert model.requests[0].max_tokens == 1280


def test_room_is_made_for_every_prompt_and_what_may_follow(folder: Path) -> None:
    (item,) = load(MTS, folder)
    assert [prompt.room for prompt in prompts(MTS, item)] == [512]
    question = load(MEDQA, folder)[0]
    assert [p.room for p in prompts(MEDQA, question)] == [len("Surgery") + 8] * 2


def test_a_real_model_gives_what_it_gives_one_by_one(
    model: Examinee, questions: list[Item], tmp_path: Path
) -> None:
    found = evaluate(model, MEDQA, questions, tmp_path / "m.jsonl")
    engine = load_model(model.path, OPTIONS)
    try:
        assert [asked(engine, MEDQA, item) for item in questions] == found
    finally:
        engine.close()
    assert {f.measure for f in figures(MEDQA, questions, found)} == set(MEDQA.metrics)


def test_a_run_that_was_stopped_goes_on_and_asks_nothing_twice(
    model: Examinee, questions: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "m.jsonl"

    def stop(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(model, MEDQA, questions, out, stop)
    assert len(read_results(out)[1]) == 2
    heard: list[str] = []

    def counted(engine: object, task: object, item: Item, parent: None) -> Outcome:
        heard.append(item.key)
        return asked(engine, task, item, parent)  # type: ignore[arg-type]

    monkeypatch.setattr(examining, "asked", counted)
    whole = evaluate(model, MEDQA, questions, out)
    assert heard == [item.key for item in questions[2:]]
    monkeypatch.setattr(evaluating, "start", lambda *_: pytest.fail("loaded again"))
    assert evaluate(model, MEDQA, questions, out) == whole
    assert evaluate(model, MEDQA, questions[:3], out) == whole[:3]


def test_a_smaller_sample_is_taken_from_a_larger_ones_file(
    model: Examinee, questions: list[Item], tmp_path: Path
) -> None:
    out = tmp_path / "m.jsonl"
    small, large = (sampled(questions, "medqa", 0, n) for n in (2, 5))
    first = evaluate(model, MEDQA, small, out)
    every = evaluate(model, MEDQA, large, out)
    assert [o for i, o in zip(large, every, strict=True) if i in small] == first
    assert len(read_results(out)[1]) == 5


def test_a_file_of_other_questions_data_or_models_is_refused(
    model: Examinee, questions: list[Item], tmp_path: Path
) -> None:
    out = tmp_path / "m.jsonl"
    evaluate(model, MEDQA, questions[:1], out)
    other = examinee(path_of("clinical"), OPTIONS)
    with pytest.raises(Refused, match="different model"):
        evaluate(other, MEDQA, questions, out)
    changed = replace(MEDQA, table={**MEDQA.table, "prompts": {}})
    with pytest.raises(Refused, match="different questions"):
        evaluate(model, changed, questions, out)
    with pytest.raises(Refused, match="other rows with the same keys"):
        evaluate(model, MEDQA, [replace(questions[0], fields={"question": "?"})], out)
    out.write_text("{}\n")
    with pytest.raises(Refused, match="does not hold results"):
        evaluate(model, MEDQA, questions, out)


def test_two_runs_never_write_one_file(
    model: Examinee, questions: list[Item], tmp_path: Path
) -> None:
    with held(tmp_path / "m.jsonl"), pytest.raises(Refused, match="another run"):
        evaluate(model, MEDQA, questions, tmp_path / "m.jsonl")


def test_an_item_that_does_not_fit_is_refused_by_its_line(
    folder: Path, questions: list[Item], tmp_path: Path
) -> None:
    small = examinee(path_of("instruct"), Options(context=256, threads=1))
    long = replace(questions[1], fields={"question": "why " * 300, "options": ""})
    with pytest.raises(Refused, match=r"us-4options-test\.jsonl, line 2: .* tokens to read"):
        evaluate(small, MEDQA, [questions[0], long], tmp_path / "m.jsonl")
    assert not (tmp_path / "m.jsonl").exists()


def test_results_hold_no_word_of_a_prompt_or_an_answer(
    model: Examinee, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "i.jsonl"
    evaluate(model, SHORT, load(SHORT, folder), out)
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert set(rows[1]) == {"key", "item", "group", "scores", "tokens", "cut"}
    assert all(word not in out.read_text("utf-8") for word in ("commas", "Write", "words or more"))


def test_two_models_are_compared_on_the_same_items(
    model: Examinee, questions: list[Item], tmp_path: Path
) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    ours = evaluate(model, MEDQA, questions, one)
    template = tmp_path / "template.jinja"
    template.write_text(open_model(model.path).metadata["tokenizer.chat_template"], "utf-8")
    clinical = examinee(path_of("clinical"), replace(OPTIONS, chat_template=template))
    theirs = evaluate(clinical, MEDQA, questions, other)
    assert other_outcomes(other, MEDQA, questions) == theirs
    found = verdicts({"medqa": (ours, theirs)})
    assert [v.measure for v in found] == ["letter", "text", "text-per-byte"]
    assert all(v.found.items == 6 and v.p >= v.found.p for v in found)


def test_a_comparison_needs_the_same_items(
    model: Examinee, questions: list[Item], tmp_path: Path
) -> None:
    out = tmp_path / "m.jsonl"
    with pytest.raises(Refused, match="there is no"):
        other_outcomes(out, MEDQA, questions)
    evaluate(model, MEDQA, questions[:2], out)
    with pytest.raises(Refused, match="lacks 4 of these 6 items"):
        other_outcomes(out, MEDQA, questions)
    with pytest.raises(Refused, match="another task"):
        other_outcomes(out, MTS, questions)


def test_what_a_model_writes_is_written_many_at_once(
    model: Examinee, folder: Path, tmp_path: Path
) -> None:
    items = load(SHORT, folder)
    together = evaluate(model, SHORT, items, tmp_path / "t.jsonl")
    alone = replace(model, options=replace(OPTIONS, at_once=1))
    assert evaluate(alone, SHORT, items, tmp_path / "a.jsonl") == together
    assert evaluating.planned(model, SHORT, items).sequences == MOST
    assert evaluating.planned(alone, SHORT, items).sequences == 1


def test_in_two_passes_reasons_are_written_before_letters_are_compared(
    questions: list[Item],
) -> None:
    task = read_task("medqa-two-pass")
    model = ScriptedModel(["It ", "helps."], scorer=lambda m, option: [-float(ord(option))])
    found = list(asked_together(model, task, questions))
    assert found == [(item, asked(model, task, item)) for item in questions]


def test_an_answer_that_breaks_off_is_named_by_its_place(folder: Path) -> None:
    items = load(IFEVAL, folder)
    with pytest.raises(Refused, match=r"input_data.jsonl, line 1: the model process ended"):
        list(asked_together(ScriptedModel(["a", "b"], fail_after=1), IFEVAL, items))


def test_so_many_at_once_as_do_not_fit_are_refused(
    model: Examinee, folder: Path, tmp_path: Path
) -> None:
    asking = replace(model, options=replace(OPTIONS, at_once=200))  # more than a batch takes
    with pytest.raises(Refused, match="200 answers at once do not fit"):
        refuse_early(asking, SHORT, load(SHORT, folder), tmp_path / "r.jsonl")


def test_what_the_checks_score_holds_for_their_rules_alone(
    model: Examinee, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, out, short = load(MTS, folder), tmp_path / "m.jsonl", replace(MTS, max_tokens=4)
    evaluate(model, short, items, out)
    assert read_results(out)[0]["rules of the checks"]
    assert len(other_outcomes(out, short, items)) == len(items)
    monkeypatch.setattr(results, "digest_of_rules", lambda: "another")
    with pytest.raises(Refused, match="different rules of the checks"):
        evaluate(model, short, items, out)
    with pytest.raises(Refused, match="other rules of the checks"):
        other_outcomes(out, short, items)
    assert results.rules_of(MEDQA) == {}
