"""A loader for every form in which tasks are published: a file's rows in, items out.

A malformed row is refused with its file, line and fault: it would silently change every figure of
the task.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edgemed.errors import Refused
from edgemed.evals.following.kinds import KINDS, Instruction
from edgemed.evals.tasks.items import AnswerOptions, Item, in_parts
from edgemed.evals.tasks.rows import (
    Row,
    bad,
    csv_cells,
    csv_rows,
    json_lines,
    json_object,
    large_csv_rows,
    refuse_half,
    text_in,
    words,
)
from edgemed.evals.tasks.sheet import sheet_rows
from edgemed.evals.tasks.task import Task
from edgemed.storage.listing import entries_in

LETTERS = "ABCDEFGHIJ"
SYNTHETIC = Path(__file__).parents[1] / "synthetic"
PIECE = 2000  # characters: about 500 tokens of English
PUBMED = ("yes", "no", "maybe")

Loader = Callable[[Task, Path], Iterator[Item]]


def load(task: Task, folder: Path) -> list[Item]:
    """The items of a task's split, from files in `folder` or in one of its folders.

    Raises Refused where a file or a row of the split is missing, InvalidFile for a
    malformed row.
    """
    found = [
        i for name in task.split.files for i in LOADERS[task.loader](task, at(task, folder, name))
    ]
    refuse_twins(found)
    keys = task.split.keys
    if keys is None:
        if not found:
            raise Refused(f"{', '.join(task.split.files)}: there is no row", source_of(task))
        return found
    items = [item for item in found if item.key in keys]
    if len(items) < len(keys):
        raise Refused(
            f"{task.name}: {len(keys) - len(items)} of the {len(keys)} rows of the split "
            f"{task.split.name} are not in {', '.join(task.split.files)}",
            f"take the whole file: {source_of(task)}",
        )
    return items


def at(task: Task, folder: Path, name: str) -> Path:
    """The file called `name`: one that ships with edgemed, or the user's. Refused, with where it
    comes from, if it is not there."""
    if task.table.get("synthetic"):
        return SYNTHETIC / name
    places = (folder, *entries_in(folder))
    found = [place / name for place in places if (place / name).is_file()]
    if not found:
        raise Refused(
            f"the task {task.name} needs {name}, which is not in {folder}", source_of(task)
        )
    return found[0]


def source_of(task: Task) -> str:
    """Where a task's files come from."""
    return f"it comes from {task.source} ({task.licence}); name its folder"


def refuse_twins(items: Sequence[Item]) -> None:
    """Refuse a key that occurs twice: one of the two would be lost."""
    seen: dict[str, str] = {}
    for item in items:
        first = seen.setdefault(item.key, item.where)
        if first != item.where:
            bad(item.where, f"it has the key of {first}")


def hashed(*texts: str) -> str:
    """A key for a row that has none."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def mts_dialog(task: Task, path: Path) -> Iterator[Item]:
    """Dialogues with one section of the note each; the section's header is given in the prompt."""
    for row in csv_rows(path, ("ID", "section_header", "section_text", "dialogue")):
        header = words(row, "section_header")
        if header not in task.table["sections"]:
            bad(row.where, "section_header is not one of the published ones")
        dialogue = words(row, "dialogue")
        fields = {"section": task.table["sections"][header], "dialogue": dialogue.strip()}
        text = words(row, "section_text")
        yield Item(words(row, "ID"), row.where, fields, text, header, source=dialogue)


def forms(task: Task, path: Path) -> Iterator[Item]:
    """Dialogues, each with one of the forms asked for, in turn."""
    asked = list(task.table["forms"].items())
    for number, row in enumerate(csv_rows(path, ("ID", "dialogue"))):
        name, form = asked[number % len(asked)]
        dialogue = words(row, "dialogue")
        fields = {"dialogue": dialogue.strip(), "form": form}
        yield Item(words(row, "ID"), row.where, fields, "", name, source=dialogue)


def aci_bench(task: Task, path: Path) -> Iterator[Item]:
    """Visits with their whole notes; `group` is the kind of recording."""
    for row in csv_rows(path, ("dataset", "encounter_id", "dialogue", "note")):
        dialogue = words(row, "dialogue")
        fields, group = {"dialogue": dialogue.strip()}, words(row, "dataset")
        key = words(row, "encounter_id")
        yield Item(key, row.where, fields, words(row, "note"), group, source=dialogue)


def meqsum(task: Task, path: Path) -> Iterator[Item]:
    """Consumers' messages with the question in them."""
    for row in sheet_rows(path, ("File", "CHQ", "Summary")):
        fields = {"message": words(row, "CHQ").strip()}
        yield Item(words(row, "File"), row.where, fields, words(row, "Summary").strip())


def open_i(task: Task, path: Path) -> Iterator[Item]:
    """Findings of chest X-rays with their impressions. Many reports lack one of the two: they
    are left out. A row without a number is malformed."""
    for row in csv_rows(path, ("uid", "findings", "impression")):
        key = words(row, "uid")
        whole = all(row.cells[name].strip() for name in ("findings", "impression"))
        if whole and in_parts(task.name, key, task.split.parts):
            findings = words(row, "findings").strip()
            wanted = words(row, "impression").strip()
            yield Item(key, row.where, {"findings": findings}, wanted, source=findings)


def mimic_iv_bhc(task: Task, path: Path) -> Iterator[Item]:
    """Discharge notes without their hospital course, and that course."""
    for row in large_csv_rows(path, ("note_id", "input", "target")):
        key = words(row, "note_id")
        if in_parts(task.name, key, task.split.parts):
            note = words(row, "input").strip()
            yield Item(key, row.where, {"note": note}, words(row, "target").strip(), source=note)


def synthetic(task: Task, path: Path) -> Iterator[Item]:
    """Invented cases that ship with edgemed; `group` is the kind of a case."""
    for row in json_lines(path):
        source, wanted = words(row, "source"), words(row, "reference")
        yield Item(
            words(row, "id"), row.where, {"source": source}, wanted, words(row, "kind"), source
        )


def ifeval(task: Task, path: Path) -> Iterator[Item]:
    """Prompts with their instructions."""
    for row in json_lines(path):
        key, prompt = row.cells.get("key"), words(row, "prompt")
        if not isinstance(key, int):
            bad(row.where, "key is not a whole number")
        yield Item(str(key), row.where, {"prompt": prompt}, instructions_of(row))


def instructions_of(row: Row) -> tuple[Instruction, ...]:
    """The instructions of a row, each of a known kind with what that kind takes."""
    kinds, arguments = row.cells.get("instruction_id_list"), row.cells.get("kwargs")
    if not isinstance(kinds, list) or not isinstance(arguments, list) or not kinds:
        bad(row.where, "instruction_id_list and kwargs must be lists")
    if len(kinds) != len(arguments):
        bad(row.where, "instruction_id_list and kwargs differ in length")
    return tuple(instruction_of(*pair, row.where) for pair in zip(kinds, arguments, strict=True))


def instruction_of(kind: Any, arguments: Any, where: str) -> Instruction:
    """One instruction; arguments that are null are left out, as some copies of the set have all."""
    if kind not in KINDS:
        bad(where, "it has an instruction of an unknown kind")
    given = {} if arguments is None else arguments
    if not isinstance(given, dict):
        bad(where, f"the arguments of {kind} are not an object")
    given = {name: value for name, value in given.items() if value is not None}
    takes = KINDS[kind].takes
    if set(given) != set(takes):
        bad(where, f"{kind} takes {', '.join(takes) or 'nothing'}")
    for name, fits in takes.items():
        if not fits(given[name]):
            bad(where, f"{name} of {kind} has a wrong value")
    return Instruction(kind, given)


def medqa(task: Task, path: Path) -> Iterator[Item]:
    """Questions with options by letter; `answer_idx` is the right letter."""
    for row in json_lines(path):
        options, question = row.cells.get("options"), words(row, "question")
        if not isinstance(options, dict) or list(options) != list(LETTERS[: len(options)]):
            bad(row.where, "the options must have the letters A, B, C, ...")
        texts = [words(Row(row.where, options), letter) for letter in options]
        yield chosen(row, question, texts, letter_of(row, "answer_idx", len(texts)))


def medmcqa(task: Task, path: Path) -> Iterator[Item]:
    """Questions with four options; `cop` is the right one, counted from 1."""
    for row in json_lines(path):
        texts = [words(row, f"op{letter}") for letter in "abcd"]
        right = row.cells.get("cop")
        if not isinstance(right, int) or not 1 <= right <= len(texts):
            bad(row.where, "cop is not 1, 2, 3 or 4")
        item = chosen(row, words(row, "question"), texts, right - 1, words(row, "id"))
        yield item


def mmlu(task: Task, path: Path) -> Iterator[Item]:
    """Rows of six cells without a head: question, four options, the right letter."""
    subject = path.stem.rpartition("_")[0].replace("_", " ")
    for where, cells in csv_cells(path):
        if len(cells) != 6:
            bad(where, f"it has {len(cells)} cells, not 6")
        row = Row(where, dict(zip(("question", *"ABCD", "right"), cells, strict=True)))
        texts = [words(row, letter) for letter in "ABCD"]
        yield chosen(row, words(row, "question"), texts, letter_of(row, "right", 4), group=subject)


def pubmedqa(task: Task, path: Path) -> Iterator[Item]:
    """Questions on abstracts, by their PubMed numbers."""
    for key, row in json_object(path):
        parts = row.cells.get("CONTEXTS")
        if not isinstance(parts, list) or not all(isinstance(p, str) and p.strip() for p in parts):
            bad(row.where, "CONTEXTS must be texts")
        abstract = refuse_half("\n".join(parts), "CONTEXTS", row.where)
        right = row.cells.get("final_decision")
        if right not in PUBMED:
            bad(row.where, "final_decision is not yes, no or maybe")
        fields = {"question": words(row, "QUESTION"), "abstract": abstract}
        yield Item(key, row.where, fields, AnswerOptions(PUBMED, PUBMED.index(right)))


def text(task: Task, path: Path) -> Iterator[Item]:
    """A text in pieces of at most PIECE characters, cut between lines where that is possible."""
    number, line = 0, 1
    for piece in pieces_of(text_in(path)):
        if piece.strip():
            number += 1
            refuse_half(piece, "the text", f"{path.name}, line {line}")
            yield Item(str(number), f"{path.name}, line {line}", {"text": piece}, "")
        line += piece.count("\n")


def pieces_of(whole: str) -> Iterator[str]:
    """`whole` in pieces; joined they are `whole` again."""
    piece = ""
    for line in whole.splitlines(keepends=True):
        while len(piece) + len(line) > PIECE:
            if not piece:
                at = line.rfind(" ", 1, PIECE) if " " in line[1:PIECE] else PIECE
                piece, line = line[:at], line[at:]
            yield piece
            piece = ""
        piece += line
    if piece:
        yield piece


def letter_of(row: Row, name: str, count: int) -> int:
    """The index of a letter."""
    letter = row.cells.get(name)
    if not isinstance(letter, str) or letter not in tuple(LETTERS[:count]):
        bad(row.where, f"{name} is not one of the letters A to {LETTERS[count - 1]}")
    return LETTERS.index(letter)


def chosen(
    row: Row, question: str, texts: Sequence[str], right: int, key: str = "", group: str = ""
) -> Item:
    """A question with its options."""
    options = [text.strip() for text in texts]
    listed = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False))
    fields = {"question": question.strip(), "options": listed}
    key = key or hashed(group, question, *options)
    return Item(key, row.where, fields, AnswerOptions(tuple(options), right), group)


LOADERS: dict[str, Loader] = {
    "mts-dialog": mts_dialog,
    "forms": forms,
    "aci-bench": aci_bench,
    "meqsum": meqsum,
    "open-i": open_i,
    "mimic-iv-bhc": mimic_iv_bhc,
    "synthetic": synthetic,
    "ifeval": ifeval,
    "medqa": medqa,
    "medmcqa": medmcqa,
    "mmlu": mmlu,
    "pubmedqa": pubmedqa,
    "text": text,
}
"""By the name in a task's table."""
