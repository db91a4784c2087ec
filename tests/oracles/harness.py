"""Our figures beside those that lm-evaluation-harness finds over `edgemed serve`, item by item.

    python -m tests.oracles.harness write MODEL FOLDER --data DATA
    edgemed eval MODEL --tasks ifeval:full,mmlu-medical --at-once 1 --data FOLDER/data \
        -o FOLDER/ours
    edgemed serve MODEL --port 18080 --token-file FOLDER/token
    export OPENAI_API_KEY=$(cat FOLDER/token) NLTK_DATA=NLTK
    lm_eval --model local-chat-completions --model_args \
        model=NAME,base_url=http://127.0.0.1:18080/v1/chat/completions,timeout=3600 \
        --tasks edgemed_ifeval --include_path FOLDER/tasks --apply_chat_template --log_samples \
        --output_path FOLDER/theirs
    lm_eval --model local-completions --model_args \
        model=NAME,base_url=http://127.0.0.1:18080/v1/completions,tokenizer=FOLDER/tokenizer \
        --tasks edgemed_letter,edgemed_text --include_path FOLDER/tasks --apply_chat_template \
        --log_samples --output_path FOLDER/theirs
    python -m tests.oracles.harness compare MODEL FOLDER

NAME is the model's file without its ending; NLTK holds `tokenizers/punkt_tab`. lm_eval needs
transformers, without torch. `write` makes the same items as local task files, and the vocabulary
and chat template of the GGUF file as a tokenizer that transformers reads. So that a slow machine
is done with it, it takes the 20 prompts of IFEval that ask for a short answer (few words, few
sentences, or one of three given answers) and the shortest questions of each of the six subjects of
MMLU. Exit code 1 if anything differs.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from math import isclose
from pathlib import Path
from typing import Any

from edgemed.evals.examining import logs, turns
from edgemed.evals.results import read_results
from edgemed.evals.scoring import Scores
from edgemed.evals.tasks.items import AnswerOptions, Item
from edgemed.evals.tasks.loaders import LETTERS, at, load
from edgemed.evals.tasks.task import Task, filled, read_task
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options as Loading
from edgemed.local_models.loading import load_model

SHORT = 2  # questions of a subject
BRIEF = {"number_words": 50, "number_sentences": 4}
"""At most so many words or sentences make a short answer."""
CONTROL, OWN = 3, 4  # llama.cpp's types of tokens that stand for themselves
FOLLOWED = ("prompt_level_strict_acc", "prompt_level_loose_acc")
BY_INSTRUCTION = ("inst_level_strict_acc", "inst_level_loose_acc")
UTILS = "from lm_eval.tasks.ifeval.utils import agg_inst_level_acc, process_results\n"
FOLLOW = """\
task: edgemed_ifeval
dataset_path: json
dataset_kwargs: {{data_files: {{train: {rows}}}}}
test_split: train
output_type: generate_until
num_fewshot: 0
doc_to_text: prompt
doc_to_target: 0
generation_kwargs: {{until: [], do_sample: false, temperature: 0.0, max_gen_toks: {most}}}
process_results: !function utils.process_results
metric_list:
  - {{metric: prompt_level_strict_acc, aggregation: mean, higher_is_better: true}}
  - {{metric: inst_level_strict_acc, aggregation: !function utils.agg_inst_level_acc}}
  - {{metric: prompt_level_loose_acc, aggregation: mean, higher_is_better: true}}
  - {{metric: inst_level_loose_acc, aggregation: !function utils.agg_inst_level_acc}}
"""
CHOOSE = """\
task: edgemed_{name}
dataset_path: json
dataset_kwargs: {{data_files: {{train: {rows}}}}}
test_split: train
output_type: multiple_choice
num_fewshot: 0
doc_to_text: prompt
doc_to_choice: choices
doc_to_target: gold
target_delimiter: ""
metric_list:
  - {{metric: acc}}
  - {{metric: acc_bytes}}
"""
MEASURES = {"letter": {"acc": "letter"}, "text": {"acc": "text", "acc_bytes": "text-per-byte"}}
"""By our prompt: their metrics, and what ours are called."""


def asks_briefly(row: dict[str, Any]) -> bool:
    """Whether a prompt of IFEval asks for a short answer."""
    for kind, given in zip(row["instruction_id_list"], row["kwargs"], strict=True):
        _, _, name = kind.partition(":")
        most = given.get(name.replace("number_", "num_"))
        few = name in BRIEF and given["relation"] == "less than" and most <= BRIEF[name]
        if few or name == "constrained_response":
            return True
    return False


def write(model: Path, folder: Path, data: Path) -> None:
    """The task files and the tokenizer."""
    tasks = folder / "tasks"
    task = read_task("ifeval:full")
    (name,) = task.split.files
    every = map(json.loads, at(task, data, name).read_text("utf-8").splitlines())
    rows = json_lines(folder / "data" / name, [row for row in every if asks_briefly(row)])
    tasks.mkdir(parents=True, exist_ok=True)
    (tasks / "ifeval.yaml").write_text(FOLLOW.format(rows=rows, most=task.max_tokens))
    (tasks / "utils.py").write_text(UTILS)
    task = read_task("mmlu-medical")
    for name in task.split.files:
        shortest(at(task, data, name), folder / "data" / name)
    items = load(task, folder / "data")
    for name in MEASURES:
        rows = json_lines(tasks / f"{name}.jsonl", [choice_of(task, name, one) for one in items])
        (tasks / f"{name}.yaml").write_text(CHOOSE.format(name=name, rows=rows))
    write_tokenizer(model, folder / "tokenizer")


def shortest(source: Path, target: Path) -> None:
    """The SHORT shortest rows of a CSV file, in their order."""
    with source.open(encoding="utf-8", newline="") as file:
        every = list(csv.reader(file))
    few = sorted(every, key=lambda row: len("".join(row)))[:SHORT]
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(row for row in every if row in few)


def json_lines(path: Path, rows: Sequence[Any]) -> Path:
    """Write rows, and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path.absolute()


def choice_of(task: Task, name: str, item: Item) -> dict[str, Any]:
    """A question as a row: the prompt, the options as answers, the right one."""
    assert isinstance(item.wanted, AnswerOptions)
    texts, right = item.wanted
    prompt = filled(task.prompts[name], item.fields).strip()
    return {"prompt": prompt, "choices": list(answers_of(name, texts)), "gold": right}


def answers_of(name: str, texts: Sequence[str]) -> Sequence[str]:
    """What is scored as an answer."""
    return LETTERS[: len(texts)] if name == "letter" else texts


def write_tokenizer(model: Path, folder: Path) -> None:
    """The vocabulary of a GGUF file (byte-level BPE of the smollm kind) for transformers."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    table = open_model(model).metadata
    if table["tokenizer.ggml.pre"] != "smollm":
        raise SystemExit("only vocabularies of the smollm kind are written")
    tokens = list(map(str, table["tokenizer.ggml.tokens"]))
    pairs = (str(pair).partition(" ") for pair in table["tokenizer.ggml.merges"])
    merges = [(left, right) for left, _, right in pairs]
    made = Tokenizer(models.BPE({text: n for n, text in enumerate(tokens)}, merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    kinds = table["tokenizer.ggml.token_type"]
    own = [t for t, kind in zip(tokens, kinds, strict=True) if kind in (CONTROL, OWN)]
    made.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in own])
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": tokens[int(table["tokenizer.ggml.eos_token_id"])],
        "chat_template": str(table["tokenizer.chat_template"]),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")


def samples(folder: Path, name: str) -> list[dict[str, Any]]:
    """What lm-evaluation-harness logged of a task, in the order of its rows."""
    paths = sorted((folder / "theirs").rglob(f"samples_edgemed_{name}_*.jsonl"))
    if not paths:
        raise SystemExit(f"lm_eval has logged nothing of edgemed_{name}")
    rows = map(json.loads, paths[-1].read_text("utf-8").splitlines())
    return sorted(rows, key=lambda row: int(row["doc_id"]))


def beside_ours(
    folder: Path, task: Task, items: Sequence[Item], theirs: Sequence[dict[str, Any]]
) -> list[tuple[Item, Scores, dict[str, Any]]]:
    """Every item with the scores that `edgemed eval` kept and what the other logged. Items that are
    not done yet are left out, and that is said."""
    _, found = read_results(folder / "ours" / f"{task.name}.{task.split.name}.jsonl")
    pairs = list(zip(items, theirs, strict=True))
    done = [(item, found[item.key][1].scores, row) for item, row in pairs if item.key in found]
    if len(done) < len(pairs):
        print(f"{task.name}: {len(pairs) - len(done)} of {len(pairs)} items are not done")
    return done


def told(title: str, pairs: Sequence[tuple[float, float]]) -> int:
    """Print both sums and how many items differ; returns how many."""
    apart = sum(mine != other for mine, other in pairs)
    mine, other = (sum(pair[side] for pair in pairs) for side in (0, 1))
    print(f"{title:34s} ours {mine:g}, theirs {other:g}, of {len(pairs)}; {apart} differ")
    return apart


def followed(folder: Path) -> int:
    """IFEval's verdicts."""
    task = read_task("ifeval:full")
    items = load(task, folder / "data")
    done = beside_ours(folder, task, items, samples(folder, "ifeval"))
    pairs = [(scores, row) for _, scores, row in done]
    apart = 0
    for theirs, mine in zip(FOLLOWED, ("prompt-strict", "prompt-loose"), strict=True):
        apart += told(mine, [(o[mine][0], float(t[theirs])) for o, t in pairs])
    for theirs, mine in zip(BY_INSTRUCTION, ("instruction-strict", "instruction-loose"),
                            strict=True):  # fmt: skip
        apart += told(mine, [(o[mine][0], float(sum(t[theirs]))) for o, t in pairs])
    words = [(o["words"][0], float(len(str(t["filtered_resps"][0]).split()))) for o, t in pairs]
    return apart + told("words of the answers", words)


def chosen(folder: Path, model: Path, most: int | None) -> int:
    """Multiple choice: what was picked, and options' log-probabilities (of `most` items)."""
    task = read_task("mmlu-medical")
    items = load(task, folder / "data")
    apart = 0
    loaded = load_model(model, Loading(context=2048, threads=1))
    for name, measures in MEASURES.items():
        done = beside_ours(folder, task, items, samples(folder, name))
        for theirs, mine in measures.items():
            apart += told(mine, [(o[mine][0], float(t[theirs])) for _, o, t in done])
        every = [p for one, _, row in done[:most] for p in beside(loaded, task, name, one, row)]
        same = sum(mine == other for mine, other in every)
        near = max(abs(mine - other) for mine, other in every)
        print(f"{len(every)} log-probabilities: {same} equal, the others within {near:.2g} nats")
        apart += sum(not isclose(*pair, abs_tol=1e-3) for pair in every)
    loaded.close()
    return apart


def beside(
    model: Any, task: Task, name: str, item: Item, row: dict[str, Any]
) -> Iterator[tuple[float, float]]:
    """The log-probability of every option, ours and theirs."""
    assert isinstance(item.wanted, AnswerOptions)
    mine = logs(model, turns(task, name, item), answers_of(name, item.wanted.texts))
    theirs = [float(answer[0]) for answer in row["filtered_resps"]]
    return zip(mine, theirs, strict=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("write", "compare"))
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="the published files, for write")
    parser.add_argument("--logs", type=int, help="compare log-probabilities of so many items only")
    parser.add_argument("--tasks", nargs="+", default=["ifeval", "mmlu-medical"])
    args = parser.parse_args()
    if args.what == "write":
        write(args.model, args.folder, args.data)
        return 0
    parts = {
        "ifeval": lambda: followed(args.folder),
        "mmlu-medical": lambda: chosen(args.folder, args.model, args.logs),
    }
    return 1 if sum(parts[name]() for name in args.tasks) else 0


if __name__ == "__main__":
    raise SystemExit(main())
