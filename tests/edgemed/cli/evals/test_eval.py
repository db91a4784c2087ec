"""`edgemed eval`: the tables and JSON of a small run, and what is refused at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from edgemed_models.scale import path_of

from edgemed.cli.main import main
from edgemed.evals import scoring
from edgemed.evals.tasks.task import read_task, task_names
from edgemed.training.examples import read_examples
from tests.edgemed.evals import task_files as files

MODEL = str(path_of("instruct"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    files.put_lines(folder / files.MEDQA, [files.medqa_row(n) for n in range(5)])
    files.put_lines(folder / files.IFEVAL, [files.ifeval_row(n) for n in range(2)])
    return folder


def words(data: Path, *more: str) -> list[str]:
    return ["eval", MODEL, "--data", str(data), "--threads", "1", *more]


def test_figures_intervals_and_cautions_are_printed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = words(data, "--tasks", "medqa", "--limit", "3", "-o", str(tmp_path / "r"))
    assert main(call) == 0
    told = capsys.readouterr()
    assert "medqa, test" in told.out and "text-per-byte" in told.out
    assert "only 3 items" in told.out and "instruction sets" in told.out
    assert str(tmp_path / "r") in told.err
    assert (tmp_path / "r" / "medqa.test.jsonl").stat().st_mode & 0o777 == 0o600
    assert main(call) == 0 and capsys.readouterr().out == told.out


def test_json_has_the_same_figures(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = words(data, "--tasks", "medqa", "-o", str(tmp_path / "r"), "--json")
    assert main([*call, "--against", str(tmp_path / "r")]) == 3
    assert "evaluate that model first" in capsys.readouterr().err
    assert main(call) == 0
    assert not json.loads(capsys.readouterr().out)["against"]
    assert main([*call, "--against", str(tmp_path / "r")]) == 0
    told = json.loads(capsys.readouterr().out)
    (task,) = told["tasks"]
    assert task["items"] == 5 and {f["measure"] for f in task["figures"]} >= {"letter", "text"}
    assert all(0 <= f["low"] <= f["value"] <= f["high"] <= 1 for f in task["figures"])
    assert all(v["ours"] == v["theirs"] and v["p_corrected"] == 1 for v in told["against"])


def test_two_models_beside_each_other(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = words(data, "--tasks", "medqa", "-o", str(tmp_path / "r"))
    theirs = tmp_path / "theirs.json"
    assert main([*call, "--harness", str(theirs)]) == 0
    form = json.loads(theirs.read_text("utf-8"))
    assert form["n-samples"]["medqa"] == {"original": 5, "effective": 5}
    assert 0 <= form["results"]["medqa"]["acc,none"] <= 1
    assert main([*call, "--against", str(tmp_path / "r")]) == 0
    out = capsys.readouterr().out
    assert "0 of 3 measures differ by more than chance" in out and "+0.0" in out


def test_the_list_names_every_task_its_splits_and_where_it_comes_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["eval", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in task_names())
    assert "test, development, full" in out and "CC BY 4.0" in out


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ([], 2, "no task is named"),
        (["--tasks", "medqa,nonsense"], 2, "there is no task 'nonsense'"),
        (["--tasks", "ifeval,ifeval:full"], 2, "named twice"),
        (["--tasks", "medqa:dev"], 2, "has no split 'dev'"),
        (["--tasks", "pubmedqa"], 3, "needs pubmedqa/ori_pqal.json, which is not in"),
        (["--tasks", "ifeval"], 3, "of the 400 rows of the split test are not in"),
        (["--tasks", "medqa", "--limit", "0"], 2, "not above zero"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    data: Path, more: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = main(words(data, *more))
    except SystemExit as error:
        ended = int(str(error.code))
    assert ended == code and says in capsys.readouterr().err


def test_a_task_that_does_not_fit_is_refused_before_another_is_asked(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = ["--tasks", "medqa,ifeval:full", "--context", "512"]
    assert main(words(data, *tasks, "-o", str(tmp_path / "r"))) == 3
    assert "input_data.jsonl, line 1" in capsys.readouterr().err
    assert not (tmp_path / "r" / "medqa.test.jsonl").exists()


def test_without_a_model_or_a_folder_it_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "--tasks", "medqa"]) == 2
    assert main(["eval", MODEL, "--tasks", "medqa", "--data", str(tmp_path / "no")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_missing_library_is_named_with_its_extra(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(scoring.LIBRARIES, "no_such_module", "no-such-library")
    assert main(words(data, "--tasks", "medqa")) == 1
    told = capsys.readouterr().err
    assert "no-such-library is not installed" in told and "edgemed[eval]" in told


def test_the_list_loads_no_engine_and_no_library() -> None:
    code = (
        "import sys; from edgemed.cli.main import main; main(['eval', '--list']); "
        "heavy = {'llama_cpp', 'nltk', 'sacrebleu', 'onnxruntime', 'numba'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_text_is_read_alone_and_beside_another_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The patient takes aspirin.\n" * 9, "utf-8")
    call = ["eval", MODEL, "--text", str(text), "--threads", "1", "-o", str(tmp_path / "r")]
    other = str(path_of("clinical"))
    tasks = ["--tasks", "perplexity,divergence"]
    assert main([*call, *tasks, "--against", other, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = {f["measure"]: f["value"] for task in told["tasks"] for f in task["figures"]}
    assert set(found) == {"perplexity", "bits", "kl mean", "kl median", "kl 99.9 %", "same-top"}
    assert found["perplexity"] > 1 and found["kl 99.9 %"] >= found["kl median"] > 0
    assert main([*call, *tasks, "--against", other]) == 0
    out = capsys.readouterr().out
    assert "a token" in out and "nats" in out and "answers cut" not in out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--tasks", "perplexity"], "needs a text"),
        (["--tasks", "divergence", "--text", "t.txt"], "needs another model"),
        (["--tasks", "divergence,medqa", "--text", "t.txt", "--against", MODEL], "on their own"),
        (["--tasks", "medqa", "--shots-by", "likeness"], "no number of examples"),
        (["--tasks", "ifeval", "--shots", "2"], "has no pool of examples"),
    ],
)
def test_options_that_do_not_fit_together_are_wrong_usage(
    data: Path, more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(data, *more)) == 2
    assert says in capsys.readouterr().err


def test_a_text_that_is_not_utf8_is_named_by_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(b"one\ntwo\nth\xffree\n")
    assert main(["eval", MODEL, "--tasks", "perplexity", "--text", str(text)]) == 3
    assert "text.txt, line 3: it is not UTF-8" in capsys.readouterr().err


def test_examples_go_to_a_file_of_their_own(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [
        *read_task("mmlu-medical").split.files,
        *read_task("mmlu-medical:development").split.files,
    ]
    for number, name in enumerate(names):
        longer = "It hurts a little. " * (60 if "/dev/" in name else 1)
        files.put_csv(data / name, [[f"Case {number}? {longer}", *"wxyz", "B"]])
    call = words(data, "--tasks", "mmlu-medical", "--limit", "2", "-o", str(tmp_path / "r"))
    assert main([*call, "--shots", "1"]) == 0
    assert main([*call, "--shots", "3", "--context", "512"]) == 0
    assert "got fewer than 3 examples" in capsys.readouterr().err
    assert {p.name for p in (tmp_path / "r").glob("*.jsonl")} == {
        "mmlu-medical.test.1-shot.jsonl", "mmlu-medical.test.3-shot.jsonl",
    }  # fmt: skip


def test_examples_of_a_pool_are_written_for_adapt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "shots.jsonl"
    call = ["eval", "--tasks", "synthetic-radiology", "--write-shots", str(out)]
    assert main(call) == 2 and "give --shots K" in capsys.readouterr().err
    for more, says in ((["--limit", "3"], "leave out --limit"), ([MODEL], "asks no model")):
        assert main([*call, "--shots", "3", *more]) == 2 and says in capsys.readouterr().err
    assert main([*call, "--shots", "3"]) == 0
    assert "3 examples" in capsys.readouterr().err
    assert out.stat().st_mode & 0o777 == 0o600
    found = read_examples(out)
    assert len(found) == 3 and all(one.answer and one.messages for one in found)
    assert main([*call, "--shots", "3"]) == 3 and "exists" in capsys.readouterr().err
