"""A sweep of the embedded models on cases: real merges, real answers, going on, refusing."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.scale import path_of
from edgemed_models.scale.examination import questions

from edgemed.cli.evals.sweep_shown import verdict
from edgemed.cli.main import main
from edgemed.errors import EdgemedError, Refused
from edgemed.evals.asking import examined, planned_settings
from edgemed.evals.cases import SweepCase, read_cases
from edgemed.evals.sweep_file import own_sweeps, read_sweep
from edgemed.evals.sweeping import sweep as sweeping
from edgemed.evals.sweeping.scores import Examined, write_points
from edgemed.evals.sweeping.sweep import Exam, Way, sweep
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options

WAY = Way(path_of("clinical"), path_of("instruct"))
MODELS = [str(WAY.a), str(WAY.b)]
OPTIONS = Options(context=1024, threads=1)
TS = (0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cases on each of two axes; the second axis asks for so many lines."""
    rows = []
    for question in questions("clinical", 2, 7, "dev"):
        lines = list(question.item.lines)
        rows.append(case("facts", question.item.prompt, {"facts": lines}))
        rows.append(case("short", question.item.prompt, {"lines": len(lines)}))
    return written(tmp_path_factory.mktemp("cases") / "cases.jsonl", *rows)


def case(axis: str, prompt: str, expect: dict[str, object]) -> dict[str, object]:
    return {"axis": axis, "prompt": prompt, "expect": expect}


def written(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


@pytest.fixture
def exam(file: Path) -> Exam:
    return Exam(read_cases([file]), 60, OPTIONS)


def swept(out: Path, exam: Exam, ts: tuple[float, ...] = TS, way: Way = WAY) -> Iterator[Examined]:
    return sweep(way, ts, exam, out, Told())


class Told:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.works: list[tuple[float, str]] = []
        self.notes: list[str] = []

    def at_work(self, t: float, what: str) -> None:
        self.works.append((t, what))

    def note(self, text: str) -> None:
        self.notes.append(text)


def left_in(folder: Path) -> list[str]:
    """Names in a folder, without the file that carries the lock."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_every_point_is_the_merge_at_its_t_and_the_ends_are_the_models(
    exam: Exam, tmp_path: Path
) -> None:
    out = tmp_path / "s.jsonl"
    points = list(swept(out, exam))
    template = tmp_path / "template.jinja"
    template.write_text(open_model(WAY.b).metadata["tokenizer.chat_template"], "utf-8")
    given = replace(OPTIONS, chat_template=template)
    for point, path in ((points[0], WAY.a), (points[-1], WAY.b)):
        settings = planned_settings(path, exam.cases, given, exam.max_tokens)
        assert examined(settings, exam.cases, 60, lambda done: None) == (point.worths, point.cut)
    assert sum(map(sum, points[0].worths.values())) > 0
    (curve,) = read_sweep(out)
    assert [p.t for p in curve.points] == list(TS)
    assert curve.type == "Q8_0" and set(curve.axes) == {"facts", "short"}


def test_a_sweep_that_was_stopped_goes_on_and_does_nothing_twice(
    exam: Exam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "s.jsonl"
    first = swept(out, exam)
    began = [next(first)]
    first.close()  # as Ctrl-C would
    assert left_in(tmp_path) == ["s.jsonl"]
    whole = list(swept(out, exam))
    assert whole[:1] == began and len(read_sweep(out)[0].points) == len(TS)
    monkeypatch.setattr(sweeping, "run_plan", lambda *_: pytest.fail("merged again"))
    assert list(swept(out, exam)) == whole
    assert list(swept(out, exam, (0.5,))) == whole[1:2]


def test_two_sweeps_never_write_one_file(exam: Exam, tmp_path: Path) -> None:
    first = swept(tmp_path / "s.jsonl", exam)
    next(first)
    with pytest.raises(Refused, match="another sweep"):
        next(swept(tmp_path / "s.jsonl", exam))
    first.close()
    assert next(swept(tmp_path / "s.jsonl", exam)).t == 0


def test_a_kill_leaves_what_was_scored_and_the_next_attempt_tidies_up(
    file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s.jsonl"
    asked = ["sweep", *MODELS, "--cases", str(file), "-o", str(out), "--t", "0", "0.5", "1"]
    command = [sys.executable, "-m", "edgemed.cli.main", *asked, "--max-tokens", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        while not out.exists() and child.poll() is None:
            time.sleep(0.01)
        child.kill()
    assert child.returncode
    scored = [point.t for point in read_sweep(out)[0].points]
    assert scored and len(scored) < 3
    (tmp_path / ".s.jsonl.merged").write_bytes(b"what a kill left")
    (tmp_path / ".s.jsonl.merged.part").write_bytes(b"what a kill left")
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert [point.t for point in read_sweep(out)[0].points] == [0, 0.5, 1]
    assert left_in(tmp_path) == ["s.jsonl"]


def test_scores_of_anything_else_are_not_gone_on_with(exam: Exam, tmp_path: Path) -> None:
    out = tmp_path / "s.jsonl"
    list(swept(out, exam, (0.0,)))
    before = out.read_bytes()
    with pytest.raises(Refused, match="different cases, max tokens"):
        next(swept(out, Exam(exam.cases[:2], 9, OPTIONS)))
    with pytest.raises(Refused, match="different models"):
        next(swept(out, exam, way=Way(path_of("base"), WAY.b)))
    with pytest.raises(Refused, match="different options of loading"):
        next(swept(out, replace(exam, options=replace(OPTIONS, kv_type="q4_0"))))
    out.write_text("a letter\n", "utf-8")
    with pytest.raises(Refused, match="does not hold scores"):
        next(swept(out, exam))
    out.write_bytes(before)
    assert next(swept(out, exam)).t == 0


def test_points_that_were_loaded_otherwise_are_not_mixed(exam: Exam, tmp_path: Path) -> None:
    out = tmp_path / "s.jsonl"
    (point,) = swept(out, exam, (0.0,))
    identity = json.loads(out.read_text("utf-8"))["sweep"]
    other = replace(point, loaded=point.loaded | {"kv_type": "q8_0"})
    write_points(out, [other], "linear", identity)
    with pytest.raises(Refused, match="loaded with a different kv type"):
        list(swept(out, exam, (0.0, 1.0)))


def test_the_file_holds_no_word_of_a_case_or_an_answer(exam: Exam, tmp_path: Path) -> None:
    out = tmp_path / "s.jsonl"
    list(swept(out, exam, (0.0,)))
    held = out.read_text("utf-8")
    said = [m.content for c in exam.cases for m in c.messages]
    words = {word for text in said for word in text.split() if len(word) > 6}
    assert words and not [word for word in words if word in held]


def test_a_merge_that_cannot_be_made_is_refused_before_any_work(
    exam: Exam, data: Path, tmp_path: Path
) -> None:
    stranger = data / "models" / "stories260k" / "stories260K.gguf"
    told = Told()
    with pytest.raises(Refused):
        next(sweep(Way(WAY.a, stranger), TS, exam, tmp_path / "s.jsonl", told))
    assert not told.works and left_in(tmp_path) == []


@pytest.mark.parametrize("context", [None, 512])
def test_cases_that_do_not_fit_are_named_before_the_first_answer(
    tmp_path: Path, context: int | None
) -> None:
    rows = [case("a", "pain " * 100, {"lines": 1}), case("a", "7 " * 600, {"lines": 1})]
    cases = read_cases([written(tmp_path / "long.jsonl", *rows)])
    told = Told()
    exam = Exam(cases, 9, Options(context=context, threads=1))
    with pytest.raises(Refused, match=r"long\.jsonl, line 2: \d+ tokens to read and 9 to write"):
        next(sweep(WAY, (0.0,), exam, tmp_path / "s.jsonl", told))
    assert told.works == [(0, "merging")]


def test_a_prompt_of_many_short_tokens_has_room_beside_longer_ones_of_few(tmp_path: Path) -> None:
    rows = [case("a", "pain " * 100, {"lines": 1}), case("a", "7 " * 245, {"lines": 1})]
    cases: tuple[SweepCase, ...] = read_cases([written(tmp_path / "c.jsonl", *rows)])
    exam = Exam(cases, 9, Options(threads=1))
    (point,) = sweep(WAY, (0.0,), exam, tmp_path / "s.jsonl", Told())
    assert len(point.worths["a"]) == 2


def test_the_command_says_which_t_is_best_and_what_it_keeps(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["sweep", *MODELS, "--cases", str(file), "--max-tokens", "60", "--context", "1024"]
    assert main([*asked, "--t", "1", "0", "0.5"]) == 0
    out, err = capfd.readouterr()
    assert "best: t = " in out and "to make it: edgemed merge " in out and "only 2 cases" in out
    assert "chat template and turn tokens from instruct.gguf" in err and "t = 0.5: facts " in err
    (name, path), *_ = own_sweeps()
    assert name == "clinical-instruct" and len(read_sweep(path)[0].points) == 3
    assert main([*asked, "--t", "0.5", "1"]) == 0
    assert "add t = 0 and t = 1" in capfd.readouterr().out


def test_a_point_is_shown_though_its_scores_cannot_be_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> None:
        raise EdgemedError("cannot write the scores", "free disk space")

    monkeypatch.setattr("edgemed.evals.sweeping.sweep.write_points", full)
    asked = ["sweep", *MODELS, "--cases", str(file), "--max-tokens", "20", "--context", "1024"]
    assert main([*asked, "--t", "0", "1"]) == 1
    out, err = capfd.readouterr()
    assert "t = 0: facts " in err and "cannot write the scores" in err
    assert [line.split()[0] for line in out.splitlines()] == ["t", "0"]


def test_odd_names_of_axes_are_shown_whole_in_any_encoding(tmp_path: Path) -> None:
    rows = [case("[L] [red]x", "pain", {"lines": 1}), case(">5 боль", "knee", {"lines": 1})]
    cases, out = written(tmp_path / "c.jsonl", *rows), tmp_path / "s.jsonl"
    asked = ["sweep", *MODELS, "--cases", str(cases), "-o", str(out), "--t", "0", "1"]
    command = [sys.executable, "-m", "edgemed.cli.main", *asked, "--max-tokens", "4"]
    env = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, env=env)
    assert done.returncode == 0, done.stderr
    title, *_ = done.stdout.decode("cp1252").splitlines()
    assert title.split("  ")[0].strip() == "t" and "[L] [red]x" in title
    assert r">5 \u0431\u043e\u043b\u044c" in title


def test_a_model_beside_the_scores_is_never_taken_for_a_leftover(
    exam: Exam, tmp_path: Path
) -> None:
    mine = tmp_path / ".s.gguf"
    mine.write_bytes(WAY.a.read_bytes())
    list(swept(tmp_path / "s.jsonl", exam, (0.0,), Way(mine, WAY.b)))
    assert mine.read_bytes() == WAY.a.read_bytes()


def test_what_no_model_can_do_does_not_decide() -> None:
    points = [Examined(t, "Q8_0", {"a": [t], "b": [0.0]}, 0, {}) for t in TS]
    said = list(verdict(points, WAY))
    assert said[0].startswith("b: every answer scored 0") and "best: t = 1" in said[1]
    nothing = [Examined(t, "Q8_0", {"b": [0.0]}, 0, {}) for t in TS]
    assert len(list(verdict(nothing, WAY))) == 1


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--t", "1.5"], "not a number from 0 to 1"),
        (["--t", "0.30000000000000004"], "four decimals"),
        (["-o", "scores.txt"], "does not end in .jsonl"),
        (["--cases", "no-such-file"], "cannot be read"),
        (["-o", "no-such-folder/s.jsonl"], "there is no folder"),
        (["--gpu-layers", "3", "-o", "{tmp}/s.jsonl"], "finds no GPU"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    asked: list[str],
    says: str,
    file: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgemed.local_models.loading.find_gpu", lambda: None)
    asked = [word.format(tmp=tmp_path) for word in asked]
    try:
        code = main(["sweep", *MODELS, "--cases", str(file), *asked])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code in (2, 3)
    assert says in capfd.readouterr().err
    assert left_in(tmp_path) == []
