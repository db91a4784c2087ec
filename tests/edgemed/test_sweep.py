"""A sweep of the embedded models on cases: real merges, real answers, going on, refusing."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from edgemed_models.scale import path_of
from edgemed_models.scale.examination import questions

from edgemed.cli.main import main
from edgemed.errors import EdgemedError, Refused
from edgemed.evals import sweep as sweeping
from edgemed.evals.cases import Case, read_cases
from edgemed.evals.sweep import Examined, Way, examined, sweep
from edgemed.evals.sweep_file import known_sweeps, read_sweep
from edgemed.gguf import open_model
from edgemed.loading import Options

WAY = Way(path_of("clinical"), path_of("instruct"), "linear")
OPTIONS = Options(context=1024, threads=1)
TS = (0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cases on each of two axes; the second axis asks for a list."""
    rows = []
    for question in questions("clinical", 2, 7, "dev"):
        lines = list(question.item.lines)
        rows.append(case("facts", question.item.prompt, {"facts": lines}))
        rows.append(case("short", question.item.prompt, {"lines": len(lines)}))
    path = tmp_path_factory.mktemp("cases") / "cases.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def case(axis: str, prompt: str, expect: dict[str, object]) -> dict[str, object]:
    return {"axis": axis, "prompt": prompt, "expect": expect}


@pytest.fixture
def cases(file: Path) -> tuple[Case, ...]:
    return read_cases([file])


def swept(out: Path, cases: tuple[Case, ...], ts: tuple[float, ...] = TS) -> Iterator[Examined]:
    return sweep(WAY, ts, cases, out, OPTIONS, 60, lambda t, done, total: None)


def test_every_point_is_the_merge_at_its_t_and_the_ends_are_the_models(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    out = tmp_path / "s.jsonl"
    points = list(swept(out, cases))
    template = open_model(path_of("instruct")).metadata["tokenizer.chat_template"]
    given = tmp_path / "template.jinja"
    given.write_text(template, "utf-8")
    alone = Options(context=1024, threads=1, chat_template=given)
    for point, name in ((points[0], "clinical"), (points[-1], "instruct")):
        worths, cut = examined(path_of(name), cases, alone, 60, lambda done: None)
        assert (point.worths, point.cut) == (worths, cut)
    assert sum(map(sum, points[0].worths.values())) > 0
    (curve,) = read_sweep(out)
    assert [p.t for p in curve.points] == list(TS)
    assert curve.type == "Q8_0" and set(curve.axes) == {"facts", "short"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_sweep_that_was_stopped_goes_on_and_does_nothing_twice(
    cases: tuple[Case, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "s.jsonl"
    first = swept(out, cases)
    began = [next(first)]
    first.close()  # as Ctrl-C would
    assert [path.name for path in tmp_path.iterdir()] == ["s.jsonl"]
    whole = list(swept(out, cases))
    assert whole[:1] == began and len(read_sweep(out)[0].points) == len(TS)
    monkeypatch.setattr(sweeping, "run_plan", lambda plan: pytest.fail("merged again"))
    assert list(swept(out, cases)) == whole


def test_two_sweeps_never_write_one_file(cases: tuple[Case, ...], tmp_path: Path) -> None:
    first = swept(tmp_path / "s.jsonl", cases)
    next(first)
    with pytest.raises(Refused, match="another sweep"):
        next(swept(tmp_path / "s.jsonl", cases))
    first.close()
    assert next(swept(tmp_path / "s.jsonl", cases)).t == 0


def test_a_kill_leaves_what_was_scored_and_the_next_attempt_tidies_up(
    file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s.jsonl"
    models = [str(path_of("clinical")), str(path_of("instruct"))]
    asked = ["sweep", *models, "--cases", str(file), "-o", str(out), "--t", "0", "0.5", "1"]
    command = [sys.executable, "-m", "edgemed.cli.main", *asked, "--max-tokens", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        while not out.exists() and child.poll() is None:
            time.sleep(0.01)
        child.kill()
    assert child.returncode == -signal.SIGKILL
    held = [point.t for point in read_sweep(out)[0].points]
    assert held and len(held) < 3
    subprocess.run(command, check=True, capture_output=True)
    assert [point.t for point in read_sweep(out)[0].points] == [0, 0.5, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["s.jsonl"]


def test_scores_of_other_cases_or_models_are_not_gone_on_with(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    out = tmp_path / "s.jsonl"
    list(swept(out, cases, (0.0,)))
    before = out.read_bytes()
    with pytest.raises(Refused, match="something else"):
        next(swept(out, cases[:2]))
    other = Way(path_of("base"), path_of("instruct"), "linear")
    with pytest.raises(Refused, match="something else"):
        next(sweep(other, TS, cases, out, OPTIONS, 60, lambda t, done, total: None))
    out.write_text("a letter\n", "utf-8")
    with pytest.raises(Refused, match="something else"):
        next(swept(out, cases))
    out.write_bytes(before)
    assert next(swept(out, cases)).t == 0


def test_the_file_holds_no_word_of_a_case_or_an_answer(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    out = tmp_path / "s.jsonl"
    list(swept(out, cases, (0.0,)))
    held = out.read_text("utf-8")
    words = {word for c in cases for m in c.messages for word in m.content.split() if len(word) > 6}
    assert words and not [word for word in words if word in held]


def test_a_merge_that_cannot_be_made_is_refused_before_any_work(
    cases: tuple[Case, ...], data: Path, tmp_path: Path
) -> None:
    stranger = data / "models" / "stories260k" / "stories260K.gguf"
    way = Way(path_of("clinical"), stranger, "linear")
    told: list[float] = []
    with pytest.raises(Refused):
        next(sweep(way, TS, cases, tmp_path / "s.jsonl", OPTIONS, 9, lambda t, *_: told.append(t)))
    assert not told and not (tmp_path / "s.jsonl").exists()


@pytest.mark.parametrize("context", [None, 1024])
def test_a_case_that_does_not_fit_is_named_by_its_line(tmp_path: Path, context: int | None) -> None:
    path, options = tmp_path / "long.jsonl", Options(context=context, threads=1)
    rows = [case("a", "pain " * 1200, {"lines": 1}), case("a", "pain", {"lines": 1})]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    with pytest.raises(EdgemedError, match=r"long\.jsonl, line 1: .*tokens"):
        next(
            sweep(
                WAY, (0.0,), read_cases([path]), tmp_path / "s.jsonl", options, 9, lambda *_: None
            )
        )


def test_the_command_says_which_t_is_best_and_what_it_keeps(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    models = [str(path_of("clinical")), str(path_of("instruct"))]
    asked = ["--cases", str(file), "--t", "1", "0", "0.5", "--max-tokens", "60"]
    assert main(["sweep", *models, *asked, "--context", "1024", "--threads", "1"]) == 0
    out, err = capfd.readouterr()
    assert "best: t = " in out and "% (95 % interval" in out
    assert "to make it: edgemed merge " in out and "t = 0.5: facts " in err
    (name, path), *_ = known_sweeps()
    assert name == "clinical-instruct" and len(read_sweep(path)[0].points) == 3


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--t", "1.5"], "not from 0 to 1"),
        (["-o", "scores.txt"], "does not end in .jsonl"),
        (["--cases", "/no/such/file"], "cannot be read"),
        (["-o", "/proc/none/s.jsonl"], "cannot write in"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    asked: list[str], says: str, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    models = [str(path_of("clinical")), str(path_of("instruct"))]
    try:
        code = main(["sweep", *models, "--cases", str(file), *asked])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code in (2, 3)
    assert says in capfd.readouterr().err
