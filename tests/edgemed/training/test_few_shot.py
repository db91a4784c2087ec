"""The few-shot table: rows out of a sheet, and a run that goes on where another stopped."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgemed.errors import EdgemedError, Refused
from tests.bench import few_shot, meqsum
from tests.bench.meqsum import Row

CELL = '<c r="{}{}" t="s"><v>{}</v></c>'


def write_sheet(folder: Path, rows: list[tuple[str, str]]) -> None:
    """A workbook as MeQSum's: three columns of shared strings, a header, rich text in one."""
    strings, lines = ["File", "CHQ", "Summary"], [[0, 1, 2]]
    for question, summary in rows:
        lines.append([len(strings) + n for n in range(3)])
        strings += ["name", question, summary]
    space = meqsum.MAIN.strip("{}")
    items = "".join(f"<si><r><t>{s[:2]}</t></r><r><t>{s[2:]}</t></r></si>" for s in strings)
    cells = [
        "".join(CELL.format(c, n, v) for c, v in zip("ABC", line, strict=True))
        for n, line in enumerate(lines, 1)
    ]
    sheet = "".join(f"<row>{c}</row>" for c in cells)
    with zipfile.ZipFile(folder / meqsum.FILE, "w") as book:
        book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{space}">{items}</sst>')
        book.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{space}"><sheetData>{sheet}</sheetData></worksheet>',
        )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_sheet(tmp_path, [(f"my question {n % 195}", f"Question {n % 195}?") for n in range(200)])
    return tmp_path


def test_no_row_of_the_test_part_is_in_the_pool(data: Path) -> None:
    rows = meqsum.read(data)
    assert rows[3] == Row("my question 3", "Question 3?") and len(rows) == 200
    pool, test = meqsum.parts(rows)
    assert len(test) == meqsum.TEST and not set(pool) & set(test)
    assert 40 <= len(pool) <= 50 and meqsum.parts(rows) == (pool, test)


def test_a_later_run_goes_on_and_other_settings_are_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("instruct", "clinical"):
        (data / f"{name}.gguf").write_bytes(name.encode())
    (data / "merged.gguf").write_bytes(b"merged")
    trained: list[str] = []

    def adapter_of(args: Any, cell: few_shot.Cell, model: Path, examples: Path) -> Path:
        assert examples.read_text().count("\n") > 10
        trained.append(f"{cell.name} of {model.name}")
        if len(trained) == 3:
            raise KeyboardInterrupt
        return data / f"{cell.name}.gguf"

    def answers(model: Path, adapter: Path | None, rows: list[Row], threads: int) -> list[str]:
        better = adapter is not None and ("merged" in model.name)
        return [row.summary if better else "" for row in rows]

    monkeypatch.setattr(few_shot, "adapter_of", adapter_of)
    monkeypatch.setattr(few_shot, "answers", answers)
    words = ["--instruct", str(data / "instruct.gguf"), "--clinical", str(data / "clinical.gguf")]
    words += ["--work", str(data), "--data", str(data), "--questions", "5"]
    words += ["--shots", "4", "8", "--seeds", "0", "1"]
    with pytest.raises(KeyboardInterrupt):
        few_shot.main(words)
    assert few_shot.main(words) == 0
    assert trained[2] == trained[3] == "merged-4-0 of merged.gguf" and len(trained) == 13
    said = capsys.readouterr().out
    assert "merged with 4 less clinical with 8, ROUGE-L x 100: 100.0 (100.0 to 100.0)" in said
    assert few_shot.main(words) == 0 and len(trained) == 13
    with pytest.raises(SystemExit, match="other settings"):
        few_shot.main([*words, "--epochs", "9"])


def test_only_what_was_not_learned_counts_as_the_model_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    args = few_shot.parsed(["--instruct", "m.gguf", "--work", str(tmp_path)])
    cell, given = few_shot.Cell("merged", 64, 2), list[Any]()

    def trained(said: Any) -> int:
        given.append(said)
        return 0

    monkeypatch.setattr(few_shot.adapt, "run", trained)
    out = few_shot.adapter_of(args, cell, Path("m.gguf"), Path("pool.jsonl"))
    assert out == tmp_path / "merged-64-2.gguf"
    assert (given[0].draw, given[0].seed, given[0].force, given[0].resume) == (64, 2, True, False)
    (tmp_path / "merged-64-2.gguf.progress").touch()
    few_shot.adapter_of(args, cell, Path("m.gguf"), Path("pool.jsonl"))
    assert given[1].resume and not given[1].force
    for error, none in ((few_shot.adapt.NothingLearned("", ""), True), (Refused("", ""), False)):

        def failing(said: Any, error: EdgemedError = error) -> int:
            raise error

        monkeypatch.setattr(few_shot.adapt, "run", failing)
        if none:
            assert few_shot.adapter_of(args, cell, Path("m.gguf"), Path("p.jsonl")) is None
        else:
            with pytest.raises(Refused):
                few_shot.adapter_of(args, cell, Path("m.gguf"), Path("p.jsonl"))
