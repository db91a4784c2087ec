"""Makes tasks one by one: writes a task, checks that it is new, answers it, checks the answer.

Each try depends only on its number and on the tasks kept before it, so a run that was stopped
continues to the same tasks.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from edgemed_models.answer import Answer, ask
from edgemed_models.base import LanguageModel, Message, ModelError, Request

from edgemed.errors import EdgemedError
from edgemed.evals.metrics import WORD
from edgemed.instructions import asking
from edgemed.instructions.draws import Draw, draw
from edgemed.instructions.likeness import Texts, too_like
from edgemed.instructions.task import InstructionTask, Seed
from edgemed.instructions.tries import KEPT, Tries, Try
from edgemed.local_models.loading import translated

FEWEST_WORDS = 3  # of an instruction, and of an input

UNFINISHED = "task not finished"
UNFORMED = "task without its form"
SHORT = "instruction or input too short"
LIKE = "instruction too like another"
COPIED = "input copied from a seed"
SILENT = "no answer"
CUT = "answer not finished"
CONTRADICTED = "answer contradicts its input"
FATES = (KEPT, UNFINISHED, UNFORMED, SHORT, LIKE, COPIED, SILENT, CUT, CONTRADICTED)

Compared = Literal["held", "contradicted", "not compared"]
NOT_COMPARED: Compared = "not compared"


@dataclass(frozen=True, slots=True)
class MakeSettings:
    """How tasks are made. `check`: answers that contradict their input are dropped."""

    seed: int = 0
    temperature: float = 0.8
    task_tokens: int = 320
    answer_tokens: int = 320
    check: bool = False


def make(
    model: LanguageModel,
    seeds: Sequence[Seed],
    settings: MakeSettings,
    source: str,
    tries: Tries,
    count: int,
    most: int,
    tell: Callable[[Try], None],
) -> None:
    """Try until there are `count` tasks. `source` is the model's hash.

    EdgemedError after `most` tries in a row that gave none, or where the engine or the disk fails;
    what was tried until then is in `tries`.
    """
    known = Texts()
    for text in (*(s.task.instruction for s in seeds), *(r["instruction"] for r in tries.kept)):
        known.add(text)
    while tries.tasks < count:
        refuse_endless(tries, most)
        number = len(tries.all) + 1
        tried = attempt(model, known, draw(seeds, settings.seed, number), settings)
        if tried.row is not None:
            origin = {"try": number, "model_sha256": source, "prompt_version": asking.VERSION}
            tried = Try(KEPT, {**tried.row, **origin})
        tries.add(tried)
        if tried.row is not None:
            known.add(tried.row["instruction"])
        tell(tried)


def refuse_endless(tries: Tries, most: int) -> None:
    """EdgemedError after `most` tries in a row without a task."""
    vain = tries.in_vain
    if len(vain) >= most:
        why = Counter(tried.fate for tried in vain).most_common(3)
        said = ", ".join(f"{fate} ({times})" for fate, times in why)
        end = "; or use the tasks so far" if tries.tasks else ""
        raise EdgemedError(
            f"{len(vain)} tries in a row gave no new task: {said}; tasks so far: {tries.tasks}",
            "take a larger model, more seed tasks or a higher temperature, or go on where it "
            f"stopped with more tries{end}",
        )


def attempt(model: LanguageModel, known: Texts, drawn: Draw, settings: MakeSettings) -> Try:
    """One try: asks the model once for a task and, if that is new, once for its answer."""
    task, fate = new_task(model, known, drawn, settings)
    if task is None:
        return Try(fate)
    answer = asked(
        model,
        asking.answer_messages(task),
        settings.answer_tokens,
        settings.temperature,
        drawn.answer_seed,
    )
    text = answer.text.strip()
    if not answer.complete:
        return Try(CUT)
    if not WORD.search(text):
        return Try(SILENT)
    compared = compare(task, text) if settings.check else NOT_COMPARED
    if compared == "contradicted":
        return Try(CONTRADICTED)
    return Try(KEPT, row_of(task, text, drawn) | {"checked": compared == "held"})


def new_task(
    model: LanguageModel, known: Texts, drawn: Draw, settings: MakeSettings
) -> tuple[InstructionTask | None, str]:
    """A task that is unlike all known ones; or None, and why."""
    written = asked(
        model,
        asking.task_messages(drawn),
        settings.task_tokens,
        settings.temperature,
        drawn.task_seed,
        asking.grammar(drawn),
    )
    if not written.complete:
        return None, UNFINISHED
    task = asking.parsed(written.text, drawn)
    if task is None:
        return None, UNFORMED
    needed = (task.instruction, task.input) if drawn.with_input else (task.instruction,)
    if any(len(WORD.findall(text)) < FEWEST_WORDS for text in needed):
        return None, SHORT
    if known.too_like(task.instruction):
        return None, LIKE
    if task.input and any(too_like(task.input, seed.task.input) for seed in drawn.shown):
        return None, COPIED
    return task, KEPT


def asked(
    model: LanguageModel,
    messages: tuple[Message, ...],
    tokens: int,
    temperature: float,
    seed: int,
    grammar: str | None = None,
) -> Answer:
    """The model's answer. EdgemedError where the engine breaks off."""
    request = Request(messages, tokens, temperature, seed, grammar=grammar, stop_loops=True)
    try:
        return ask(model, request)
    except ModelError as error:
        raise translated(error) from None


def compare(task: InstructionTask, answer: str) -> Compared:
    """What the checks find between an answer and its input. Without an input, in a language that
    they do not know, or where the answer states nothing, they compare nothing."""
    if not task.input:
        return NOT_COMPARED
    from edgemed.clinic.reviewing.review import review

    labels = {claim.label for claim in review(task.input, answer).claims}
    if "contradicted" in labels:
        return "contradicted"
    return "held" if labels - {"not checked", "nothing to compare"} else NOT_COMPARED


def row_of(task: InstructionTask, answer: str, drawn: Draw) -> dict[str, object]:
    """A task and its answer, and what both were made from."""
    table = asdict(task)
    return {
        "instruction": table.pop("instruction"),
        "input": table.pop("input"),
        "output": answer,
        **table,
        "seeds": [seed.id for seed in drawn.shown],
        "task_seed": drawn.task_seed,
        "answer_seed": drawn.answer_seed,
    }
