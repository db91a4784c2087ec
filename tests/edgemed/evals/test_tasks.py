"""Tasks as data: tables that hold together, splits by a rule, rows named where they fail."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgemed.errors import Refused, UsageError
from edgemed.evals.examining import READING, WRITING
from edgemed.evals.scoring import WRITTEN
from edgemed.evals.tasks.items import AnswerOptions, parted, sampled
from edgemed.evals.tasks.loaders import LOADERS, load
from edgemed.evals.tasks.rows import json_lines, json_object
from edgemed.evals.tasks.sheet import sheet_rows
from edgemed.evals.tasks.task import FIELD, filled, keys_in, read_task, task_names
from tests.edgemed.evals import task_files as files

ABSENT = ("text", "open-i", "mimic-iv-bhc", "synthetic")
"""Loaders of files that are the user's own, not among the shared ones, or brought along."""
PUBLISHED = [name for name in task_names() if read_task(name).loader not in ABSENT]
SPLITS = {
    "output-forms": {"test-1": 200, "validation": 100},
    "aci-bench": {"valid": 20, "test-1": 40},
    "ifeval": {"development": 141, "test": 400, "full": 541},
    "medmcqa": {"dev": 4183},
    "medqa": {"test": 1273},
    "medqa-two-pass": {"test": 1273},
    "meqsum": {"pool": 500, "development": 100, "test": 400},
    "mmlu-medical": {"development": 30, "test": 1089},
    "mts-dialog": {"validation": 100, "test-1": 200},
    "pubmedqa": {"development": 500, "test": 500},
}


def test_every_table_names_what_there_is() -> None:
    for name in task_names():
        task = read_task(name)
        assert task.kind in (*WRITING, "choose", *READING)
        assert task.loader in LOADERS and task.prompts
        assert task.licence and task.source
        assert task.axis in ("clinical", "instructions", "knowledge", "text")
        for other in ("development", "pool"):
            assert task.table.get(other, task.split.name) in task.splits
        if task.kind not in READING:
            assert task.table["decides"] in (*task.metrics, "instruction-strict")
        if task.kind == "write":
            assert set(task.metrics) <= set(WRITTEN)


def test_an_unknown_task_or_split_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no task 'nonsense'"):
        read_task("nonsense")
    with pytest.raises(UsageError, match="no split 'train'"):
        read_task("medqa:train")


def test_splits_of_a_set_share_no_row() -> None:
    for parts in (("pool", "development", "test"), ("development", "test")):
        name = "meqsum" if len(parts) == 3 else "ifeval"
        keys = [keys_in(f"{name}-{part}.txt") for part in parts]
        assert (
            len(frozenset().union(*keys))
            == sum(map(len, keys))
            == (1000 if name == "meqsum" else 541)
        )


def test_published_files_give_the_items_of_every_split(data: Path) -> None:
    assert set(SPLITS) == set(PUBLISHED)
    for name, splits in SPLITS.items():
        for split, count in splits.items():
            task = read_task(f"{name}:{split}")
            items = load(task, data)
            assert len(items) == count, (name, split)
            for prompt in task.prompts.values():
                assert not FIELD.findall(filled(prompt, dict.fromkeys(items[0].fields, "x")))


def test_splits_are_what_the_rule_makes_of_the_keys(data: Path) -> None:
    keys = [str(row.cells["key"]) for row in json_lines(data / "eval" / files.IFEVAL)]
    one, other = parted(keys, "ifeval", (141, 400))
    assert (set(one), set(other)) == (keys_in("ifeval-development.txt"), keys_in("ifeval-test.txt"))
    keys = [row.cells["File"] for row in sheet_rows(data / "clinical" / files.MEQSUM, ("File",))]
    parts = zip(
        ("pool", "development", "test"), parted(keys, "meqsum", (500, 100, 400)), strict=True
    )
    assert all(set(part) == keys_in(f"meqsum-{name}.txt") for name, part in parts)
    every = {key for key, _ in json_object(data / "eval" / files.PUBMEDQA)}
    answers = json.loads((data / "eval/pubmedqa/test_ground_truth.json").read_text("utf-8"))
    assert keys_in("pubmedqa-test.txt") == set(answers)
    assert keys_in("pubmedqa-development.txt") == every - set(answers)


def test_a_sample_is_the_same_each_time_and_part_of_a_larger_one(tmp_path: Path) -> None:
    files.put_lines(tmp_path / files.MEDQA, [files.medqa_row(n) for n in range(40)])
    items = load(read_task("medqa"), tmp_path)
    small, large = (sampled(items, "medqa", 0, n) for n in (5, 20))
    assert small == sampled(items, "medqa", 0, 5) and set(map(key, small)) < set(map(key, large))
    assert large == [item for item in items if item in large]
    assert set(map(key, small)) != set(map(key, sampled(items, "medqa", 1, 5)))
    assert sampled(items, "medqa", 0, None) == sampled(items, "medqa", 0, 99) == items


def key(item: Any) -> str:
    return str(item.key)


def test_what_stands_in_a_field_is_not_read_as_one() -> None:
    assert filled("{a} and {b}", {"a": "{b}", "b": "{a}"}) == "{b} and {a}"


def test_rows_become_what_is_asked(tmp_path: Path) -> None:
    files.put_csv(
        tmp_path / "any" / files.MTS,
        [files.MTS_HEAD, ("0", "ALLERGY", "Penicillin.", files.DIALOGUE)],
    )
    (item,) = load(read_task("mts-dialog"), tmp_path)
    assert item.fields["section"] == "Allergies" and item.wanted == "Penicillin."
    assert item.source == files.DIALOGUE
    files.put_csv(tmp_path / files.MMLU, [('Which "bone", say?', " hip", "jaw", "rib", "toe", "C")])
    for other in read_task("mmlu-medical").split.files[1:]:
        files.put_csv(tmp_path / other, [(other, "a", "b", "c", "d", "A")])
    item = load(read_task("mmlu-medical"), tmp_path)[0]
    assert item.wanted == AnswerOptions(("hip", "jaw", "rib", "toe"), 2) and item.group == "anatomy"
    assert item.fields["options"] == "A. hip\nB. jaw\nC. rib\nD. toe"


def test_a_missing_file_is_told_with_its_source(tmp_path: Path) -> None:
    for name in PUBLISHED:
        with pytest.raises(Refused) as told:
            load(read_task(name), tmp_path)
        assert read_task(name).split.files[0] in told.value.message
        assert read_task(name).source in told.value.hint


def test_rows_of_a_split_that_are_missing_are_counted(tmp_path: Path) -> None:
    files.put_lines(tmp_path / files.IFEVAL, [files.ifeval_row(1000)])
    with pytest.raises(Refused, match=r"(399|400) of the 400 rows of the split test"):
        load(read_task("ifeval:test"), tmp_path)


Put = Callable[[Path], Path]
SECRET = "Zebediah"
HEAD = ",".join(files.MTS_HEAD)
# task, the file, and what the error says
OPEN_I_HEAD = ("uid", "MeSH", "findings", "impression")
BHC_HEAD = ("note_id", "input", "target", "input_tokens", "target_tokens")


def test_reports_without_findings_or_impression_are_no_items(tmp_path: Path) -> None:
    rows = [(str(n), "normal", f"Lungs clear {n}.", "Normal.") for n in range(64)]
    rows += [("64", "normal", " ", "Normal."), ("65", "normal", "Clear.", "")]
    files.put_csv(tmp_path / files.OPEN_I, [OPEN_I_HEAD, *rows])
    parts = [load(read_task(f"open-i:{split}"), tmp_path) for split in ("development", "test")]
    keys = [{item.key for item in part} for part in parts]
    assert keys[0] | keys[1] == {str(n) for n in range(64)} and not keys[0] & keys[1]
    assert 1 <= len(keys[0]) <= 20
    (first, *_) = parts[0]
    assert first.wanted == "Normal." and first.source == first.fields["findings"]


def test_a_part_of_a_large_file_is_read_row_by_row(tmp_path: Path) -> None:
    rows = [
        (f"{n}-DS-1", f"Admitted\nwith pain {n}.", "He did well.", "9", "4") for n in range(3000)
    ]
    files.put_csv(tmp_path / files.BHC, [BHC_HEAD, *rows])
    found = {split: load(read_task(f"mimic-iv-bhc:{split}"), tmp_path)
             for split in ("development", "test")}  # fmt: skip
    keys = [{item.key for item in part} for part in found.values()]
    assert not keys[0] & keys[1] and 3 <= len(keys[0]) < len(keys[1]) <= 60
    item = found["test"][0]
    assert item.where == f"mimic-iv-bhc.csv, line {2 + 2 * int(item.key.partition('-')[0])}"
    assert "with pain" in item.fields["note"] and item.wanted == "He did well."


BAD: dict[str, tuple[str, Put, str]] = {
    "no such header": (
        "mts-dialog",
        lambda f: files.put_csv(f / files.MTS, [files.MTS_HEAD, ("0", SECRET, "t", "d")]),
        "2023.csv, line 2: section_header is not one",
    ),
    "a cell too few in a large file": (
        "mimic-iv-bhc",
        lambda f: files.put_csv(f / files.BHC, [BHC_HEAD, ("1", SECRET)]),
        "bhc.csv, line 2: it has 2 cells where the first line has 5",
    ),
    "an endless quote in a large file": (
        "mimic-iv-bhc",
        lambda f: files.put(f / files.BHC, f'{",".join(BHC_HEAD)}\r\n1,"{SECRET}'),
        "bhc.csv, line 2: it is not valid CSV",
    ),
    "a large file in another encoding": (
        "mimic-iv-bhc",
        lambda f: files.put(f / files.BHC, f"{','.join(BHC_HEAD)}\n1,\xe9,".encode("latin-1")),
        "bhc.csv, after line .: it is not UTF-8",
    ),
    "a large file with other columns": (
        "mimic-iv-bhc",
        lambda f: files.put(f / files.BHC, "id,text\n1,2\n"),
        "the columns must be note_id, input, target",
    ),
    "a report without a number": (
        "open-i",
        lambda f: files.put_csv(f / files.OPEN_I, [OPEN_I_HEAD, ("", "", SECRET, SECRET)]),
        "reports.csv, line 2: uid is empty",
    ),
    "an empty reference": (
        "mts-dialog",
        lambda f: files.put_csv(
            f / files.MTS, [files.MTS_HEAD, ("0", "CC", "t\nu", SECRET), ("1", "CC", " ", SECRET)]
        ),
        "2023.csv, line 4: section_text is empty",
    ),
    "a missing column": (
        "mts-dialog",
        lambda f: files.put_csv(f / files.MTS, [files.MTS_HEAD[:3], ("0", "CC", SECRET)]),
        "line 1: the columns must be",
    ),
    "a cell too few": (
        "aci-bench",
        lambda f: files.put_csv(f / files.ACI, [files.ACI_HEAD, ("aci", "D1", SECRET)]),
        "line 2: it has 3 cells where the first line has 4",
    ),
    "a quote that does not end": (
        "aci-bench",
        lambda f: files.put(f / files.ACI, ",".join(files.ACI_HEAD) + f'\naci,D1,"{SECRET}'),
        "line 2: it is not valid CSV",
    ),
    "mixed encodings": (
        "mts-dialog",
        lambda f: files.put(
            f / files.MTS, f"{HEAD}\n0,CC,é,{SECRET}\n1,CC,".encode() + b"caf\xe9,x\n"
        ),
        "2023.csv, line 3: it is not UTF-8",
    ),
    "a key twice": (
        "mts-dialog",
        lambda f: files.put_csv(f / files.MTS, [files.MTS_HEAD, *[("0", "CC", "t", SECRET)] * 2]),
        "line 3: it has the key of .*line 2",
    ),
    "no rows": (
        "mts-dialog",
        lambda f: files.put_csv(f / files.MTS, [files.MTS_HEAD]),
        "there is no row",
    ),
    "not JSON": (
        "medqa",
        lambda f: files.put_lines(f / files.MEDQA, [files.medqa_row(), "{" + SECRET]),
        "line 2: it is not JSON",
    ),
    "a wrong letter": (
        "medqa",
        lambda f: files.put_lines(f / files.MEDQA, [files.medqa_row(answer_idx="E")]),
        "line 1: answer_idx is not one of the letters A to D",
    ),
    "a small letter": (
        "medqa",
        lambda f: files.put_lines(f / files.MEDQA, [files.medqa_row(answer_idx="b")]),
        "line 1: answer_idx is not one",
    ),
    "two letters": (
        "medqa",
        lambda f: files.put_lines(f / files.MEDQA, [files.medqa_row(answer_idx="AB")]),
        "line 1: answer_idx is not one",
    ),
    "letters with a gap": (
        "medqa",
        lambda f: files.put_lines(
            f / files.MEDQA, [files.medqa_row(options={"A": "a", "C": SECRET})]
        ),
        "line 1: the options must have the letters",
    ),
    "no question": (
        "medqa",
        lambda f: files.put_lines(f / files.MEDQA, [files.medqa_row(question=None)]),
        "line 1: question is missing",
    ),
    "half a character": (
        "medqa",
        lambda f: files.put_lines(f / files.MEDQA, [files.medqa_row(question=SECRET + "\ud800")]),
        "line 1: question holds half of a character",
    ),
    "a right option that is not there": (
        "medmcqa",
        lambda f: files.put_lines(f / files.MEDMCQA, [files.medmcqa_row(cop=0)]),
        "dev.json, line 1: cop is not 1, 2, 3 or 4",
    ),
    "an empty option": (
        "medmcqa",
        lambda f: files.put_lines(f / files.MEDMCQA, [files.medmcqa_row(opc="")]),
        "line 1: opc is empty",
    ),
    "a list in place of a text": (
        "medmcqa",
        lambda f: files.put_lines(f / files.MEDMCQA, [files.medmcqa_row(opc=[SECRET])]),
        "line 1: opc is not text",
    ),
    "no decision": (
        "pubmedqa",
        lambda f: files.put(
            f / files.PUBMEDQA, json.dumps({"1": files.pubmedqa_row(final_decision="no idea")})
        ),
        "ori_pqal.json, entry 1: final_decision is not yes, no",
    ),
    "no abstract": (
        "pubmedqa",
        lambda f: files.put(
            f / files.PUBMEDQA, json.dumps({"1": files.pubmedqa_row(CONTEXTS=[3])})
        ),
        "entry 1: CONTEXTS must be texts",
    ),
    "a list for an object": (
        "pubmedqa",
        lambda f: files.put(f / files.PUBMEDQA, json.dumps([SECRET])),
        "ori_pqal.json: it is not a JSON object",
    ),
    "five cells": (
        "mmlu-medical",
        lambda f: files.put_csv(f / files.MMLU, [(SECRET, "a", "b", "c", "A")]),
        "anatomy_test.csv, line 1: it has 5 cells",
    ),
    "an unknown instruction": (
        "ifeval:full",
        lambda f: files.put_lines(
            f / files.IFEVAL,
            [files.ifeval_row(instruction_id_list=["a:b", "punctuation:no_comma"])],
        ),
        "line 1: it has an instruction of an unknown kind",
    ),
    "instructions without arguments": (
        "ifeval:full",
        lambda f: files.put_lines(f / files.IFEVAL, [files.ifeval_row(kwargs=[{}])]),
        "line 1: instruction_id_list and kwargs differ in length",
    ),
    "an argument too many": (
        "ifeval:full",
        lambda f: files.put_lines(
            f / files.IFEVAL,
            [files.ifeval_row(kwargs=[{SECRET: 1}, {"num_words": 3, "relation": "at least"}])],
        ),
        "punctuation:no_comma takes nothing",
    ),
    "an argument of a wrong kind": (
        "ifeval:full",
        lambda f: files.put_lines(
            f / files.IFEVAL,
            [files.ifeval_row(kwargs=[{}, {"num_words": "3", "relation": "at least"}])],
        ),
        "num_words of length_constraints:number_words has a wrong value",
    ),
    "no Excel file": (
        "meqsum",
        lambda f: files.put(f / files.MEQSUM, SECRET),
        "it is not an Excel file",
    ),
    "a sheet with an empty cell": (
        "meqsum",
        lambda f: files.put_sheet(
            f / files.MEQSUM, [("File", "CHQ", "Summary"), ("1.txt", SECRET, "")]
        ),
        "row 2: Summary is empty",
    ),
    "a sheet with a row that is too short": (
        "meqsum",
        lambda f: files.put_sheet(
            f / files.MEQSUM, [("File", "CHQ", "Summary"), ("1.txt", SECRET)]
        ),
        "row 2: Summary is missing",
    ),
    "a sheet that declares entities": (
        "meqsum",
        lambda f: files.put_sheet(
            f / files.MEQSUM, [("File", "CHQ", "Summary")], '<!DOCTYPE x [<!ENTITY a "aaaa">]>'
        ),
        "declares entities",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_by_file_and_line_and_never_quoted(name: str, tmp_path: Path) -> None:
    task, put, says = BAD[name]
    put(tmp_path)
    with pytest.raises(Refused, match=says) as told:
        load(read_task(task), tmp_path)
    assert SECRET not in str(told.value) and told.value.hint


def test_arguments_that_are_null_are_left_out(tmp_path: Path) -> None:
    given = [{"num_words": None, "relation": None}, {"num_words": 3, "relation": "at least"}]
    files.put_lines(tmp_path / files.IFEVAL, [files.ifeval_row(kwargs=given)])
    (item,) = load(read_task("ifeval:full"), tmp_path)
    assert isinstance(item.wanted, tuple) and item.wanted[0] == ("punctuation:no_comma", {})


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    rows = f"\ufeff{HEAD}\r\n0,CC,Cough.,Doctor: Hi\r\n"
    files.put(tmp_path / files.MTS, rows)
    (item,) = load(read_task("mts-dialog"), tmp_path)
    assert item.where.endswith("line 2") and item.wanted == "Cough."


def test_a_published_file_that_lost_a_row_is_refused(data: Path, tmp_path: Path) -> None:
    text = (data / "eval" / files.IFEVAL).read_text("utf-8").splitlines()
    files.put_lines(tmp_path / files.IFEVAL, text[1:])
    with pytest.raises(Refused, match="1 of the 400 rows of the split test"):
        load(read_task("ifeval"), tmp_path)
