"""Results in lm-evaluation-harness's form: its names, its standard errors, nothing left out."""

from dataclasses import replace
from math import sqrt
from statistics import stdev

import pytest

from edgemed.evals.examining import Outcome
from edgemed.evals.harness_form import ScoredTask, harness_form
from edgemed.evals.tasks.task import read_task

IFEVAL, MEDQA, MTS = (read_task(name) for name in ("ifeval", "medqa", "mts-dialog"))


def test_measures_that_both_have_go_by_its_names() -> None:
    hits = [1.0, 0.0, 0.0, 1.0, 1.0]
    followed = [
        Outcome({"prompt-strict": (h, 1.0), "instruction-strict": (h + 1, 3.0), "words": (9, 1.0)})
        for h in hits
    ]
    told = harness_form("m.gguf", [ScoredTask(IFEVAL, followed, 400)])
    found = told["results"]["ifeval"]
    assert found["alias"] == "ifeval" and found["prompt_level_strict_acc,none"] == 0.6
    assert found["prompt_level_strict_acc_stderr,none"] == pytest.approx(stdev(hits) / sqrt(5))
    assert found["inst_level_strict_acc,none"] == pytest.approx(8 / 15)
    assert found["inst_level_strict_acc_stderr,none"] == "N/A"  # a rate, no mean over items
    assert told["n-samples"] == {"ifeval": {"original": 400, "effective": 5}}
    better = told["higher_is_better"]["ifeval"]
    assert better == {"prompt_level_strict_acc": True, "inst_level_strict_acc": True, "words": None}
    assert told["config"]["model_args"] == "m.gguf"


def test_options_and_examples() -> None:
    one = Outcome({"letter": (1, 1), "text": (0, 1), "text-per-byte": (1, 1)})
    task = replace(MEDQA, table={**MEDQA.table, "shots": [4, "chance", None, 0]})
    told = harness_form("m", [ScoredTask(task, [one, one], 2)])
    found = told["results"]["medqa"]
    assert found["letter,none"] == 1 and found["acc,none"] == 0 and found["acc_bytes,none"] == 1
    assert told["n-shot"] == {"medqa": 4} and told["configs"]["medqa"]["num_fewshot"] == 4
    assert told["configs"]["medqa"]["output_type"] == "multiple_choice"


def test_what_is_worse_when_it_is_more_says_so() -> None:
    one = Outcome({"claims contradicted": (1, 4), "rougeL": (0.5, 1)})
    told = harness_form("m", [ScoredTask(MTS, [one], 1)])
    assert told["higher_is_better"]["mts-dialog"] == {"claims contradicted": False, "rougeL": True}
    assert told["results"]["mts-dialog"]["rougeL_stderr,none"] == "N/A"  # of one item
