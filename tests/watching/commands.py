"""Every command of edgemed at work on small files, as lists of words.

The lines of a command are run one after the other in one folder. Notes are invented.
"""

import json
import shutil
from pathlib import Path

import numpy as np
from edgemed_models.scale import path_of
from edgemed_models.scale.examination import questions

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.gguf_form import write_adapter
from edgemed.clinic import samples
from tests.edgemed.evals import task_files
from tests.edgemed.merge_pairs import WIDTH, weights, write_pair_member

DRAFT = "The patient takes aspirin 325 mg daily.\n"
RECIPE = """
merge_method: linear
models: [{model: a.gguf, parameters: {weight: 1}}, {model: b.gguf, parameters: {weight: 1}}]
"""
SMALL = ("--threads", "1")
MAKE = (  # at this temperature the small model comes to the end of a task now and then
    *("instructions", "make", "-o", "tasks.jsonl", "--seeds", "seeds.jsonl", "--count", "1"),
    *("--temperature", "2", "--check", "--task-tokens", "200", "--answer-tokens", "200"),
)

CHECKPOINT = Path(__file__).parents[1] / "edgemed" / "data" / "checkpoints" / "llama3"


def prepare(work: Path) -> None:
    """The files that the commands are given."""
    (work / "note.txt").write_text(samples.note(), "utf-8")
    (work / "draft.txt").write_text(DRAFT, "utf-8")
    (work / "recipe.yml").write_text(RECIPE, "utf-8")
    for name, seed in (("a.gguf", 1), ("b.gguf", 2)):
        write_pair_member(work / name, weights(seed))
    shutil.copytree(CHECKPOINT, work / "checkpoint")
    pair = Pair(np.ones((2, WIDTH), np.float32), np.ones((WIDTH, 2), np.float32), 0.01)
    write_adapter(work / "lora.gguf", Adapter("llama", {"blk.0.attn_q.weight": pair}))
    (question,) = questions("clinical", 1, 7, "dev")
    learned = [{"prompt": f"Dose {n} mg?", "completion": f"{n} mg a day."} for n in range(4)]
    (work / "examples.jsonl").write_text("\n".join(map(json.dumps, learned)), "utf-8")
    seed = {"topic": "Fever", "view": "Nurse", "type": "Writing", "difficulty": 1}
    seeds = [seed | {"instruction": f"Write about {what}."} for what in ("fever", "cough", "pain")]
    (work / "seeds.jsonl").write_text("\n".join(map(json.dumps, seeds)), "utf-8")
    case = {"axis": "facts", "prompt": question.item.prompt, "expect": {"facts": ["fever"]}}
    (work / "cases.jsonl").write_text(json.dumps(case) + "\n", "utf-8")
    task_files.put_lines(work / "tasks" / task_files.MEDQA, [task_files.medqa_row()])
    visit = ("0", "ALLERGY", "Penicillin.", task_files.DIALOGUE)
    task_files.put_csv(work / "tasks" / task_files.MTS, [task_files.MTS_HEAD, visit])


def rows() -> dict[str, list[list[str]]]:
    """Words by command; `edgemed` stands before them. The screen has its sessions instead."""
    model, other = str(path_of("instruct")), str(path_of("clinical"))
    return {
        "summarize": [
            ["summarize", "note.txt", "--template", "sample", "--demo", "--second-look", *SMALL]
        ],
        "check-draft": [["check-draft", "note.txt", "draft.txt"]],
        "chat": [["chat", "-", "--model", model, "--max-tokens", "8", *SMALL]],
        "templates": [["templates", "list"], ["templates", "check"]],
        "models": [
            ["models", "add", model, "--name", "mine"],
            ["models", "list"],
            ["models", "tune", "mine"],
            ["models", "cards"],
            ["models", "remove", "mine"],
        ],
        "doctor": [["doctor"], ["doctor", model]],
        "sweep": [["sweep", other, model, "--cases", "cases.jsonl", "--t", "0", "1", *SMALL]],
        "eval": [
            ["eval", "--list"],
            ["eval", model, "--tasks", "medqa", "--data", "tasks", "-o", "results", *SMALL],
        ],
        "judge": [
            [
                *("judge", model, "--by", model, "--tasks", "mts-dialog", "--data", "tasks"),
                *("--max-tokens", "8", "-o", "verdicts", *SMALL),
            ],
        ],
        **of_files(),
        "audit": [["audit", "verify"]],
        "adapt": [["adapt", model, "--examples", "examples.jsonl", "-o", "adapter.gguf", *SMALL]],
        "instructions": [
            # At this temperature the small model comes to an end of a task now and then.
            [*MAKE, "--model", model, *SMALL],
            ["instructions", "report", "tasks.jsonl", "--test-set", "note.txt"],
        ],
        "demo": [["demo", "--items", "1"]],
        "inspect": [["inspect", "a.gguf"]],
    }


def of_files() -> dict[str, list[list[str]]]:
    """The commands that read and write model files, and run none."""
    merge = ["merge", "a.gguf", "b.gguf", "--t", "0.5", "-o", "merged.gguf"]
    return {
        "check": [["check", "a.gguf", "b.gguf"]],
        "merge": [merge],
        "diff": [["diff", "a.gguf", "b.gguf"]],
        "verify": [merge, ["verify", "merged.gguf"]],
        "recipe": [["recipe", "show", "recipe.yml"]],
        "convert": [["convert", "checkpoint", "-o", "converted.gguf", "--out-type", "Q8_0"]],
        "quantize": [["quantize", "a.gguf", "small.gguf", "--out-type", "Q8_0"]],
        "fold": [["fold", "a.gguf", "lora.gguf", "-o", "folded.gguf"]],
        "extract": [
            ["extract", "b.gguf", "a.gguf", "--rank", "1", "--without-vectors", "-o", "out.gguf"]
        ],
    }


MADE = {
    f"work/{name}"
    for name in (
        *("merged.gguf", "converted.gguf", "small.gguf", "folded.gguf", "out.gguf"),
        *("adapter.gguf", "adapter.gguf.json", "tasks.jsonl", "tasks.jsonl.json"),
        *("verdicts", "verdicts/instruct.mts-dialog.test-1.jsonl"),
        "verdicts/.instruct.mts-dialog.test-1.jsonl.lock",
        *("results", "results/medqa.test.jsonl", "results/.medqa.test.jsonl.lock"),
    )
}
"""What they are told to write."""
NEEDS = {"adapt": "torch", "instructions": "rapidfuzz", "eval": "sacrebleu"}
"""What may not be installed, by command."""
QUESTION = b"What is rest good for?\n"  # standard input of all of them
