"""Asks a model the items of a task: it writes, follows instructions, chooses, or reasons first.

Always with the model's chat template, without a system prompt, greedily. Options are scored by the
log-probability that the model gives them as the whole answer, which needs no parsing of answers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgemed_models.answer import Answer, ask
from edgemed_models.base import LanguageModel, Message, ModelError, Request
from edgemed_models.reading import Reader

from edgemed.evals.asking import answered, named
from edgemed.evals.scoring import Scores, followed, picked, written
from edgemed.evals.tasks.items import AnswerOptions, Item
from edgemed.evals.tasks.loaders import LETTERS
from edgemed.evals.tasks.task import Task, filled
from edgemed.evals.texts import divergence, surprise

MARGIN = 8  # tokens in addition to an option's own, which are no more than its bytes
SCORED_AFTER = 32  # items: so many write their reasons before letters are compared
READING = ("read", "diverge")  # kinds that ask nothing
SCAFFOLD = 128  # tokens that a chat template may put around two more turns


@dataclass(frozen=True, slots=True)
class ItemPrompt:
    """A prompt of an item, and the most tokens that may follow it."""

    messages: tuple[Message, ...]
    where: str
    room: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an item: `tokens` written, and whether the answer was `cut` at its limit."""

    scores: Scores
    tokens: int = 0
    cut: bool = False


def prompts(task: Task, item: Item) -> Iterator[ItemPrompt]:
    """The prompts of an item, for counting before the work."""
    room, given = task.max_tokens, list(task.prompts)
    if task.kind == "reason":
        room += SCAFFOLD + len(task.prompts[given.pop()].encode())
    elif isinstance(item.wanted, AnswerOptions):
        room = MARGIN + max(len(text.encode()) for text in item.wanted.texts)
    for name in given:
        yield ItemPrompt(turns(task, name, item), item.where, room)


def turns(task: Task, name: str, item: Item) -> tuple[Message, ...]:
    """The prompt called `name` as the user's turn, after the item's answered examples."""
    before = (
        message
        for shot in item.shots
        for message in (*turns(task, name, shot), Message("assistant", right_answer(name, shot)))
    )
    return (*before, Message("user", filled(task.prompts[name], item.fields).strip()))


def right_answer(name: str, item: Item) -> str:
    """What an example answers."""
    if isinstance(item.wanted, AnswerOptions):
        texts, right = item.wanted
        return LETTERS[right] if name == "letter" else texts[right]
    return str(item.wanted).strip()


def asked(model: LanguageModel, task: Task, item: Item, parent: Reader | None = None) -> Outcome:
    """The outcome of one item; `parent` is the other model of a divergence. EdgemedError, with its
    place, where the engine breaks."""
    try:
        if task.kind in READING:
            return read(model, task, item, parent)
        if task.kind in WRITING:
            return WRITING[task.kind](model, task, item, ask(model, request_of(task, item)))
        return choose(model, task, item)
    except ModelError as error:
        raise named(item.where, error) from None


def asked_together(
    model: LanguageModel, task: Task, items: Sequence[Item], parent: Reader | None = None
) -> Iterator[tuple[Item, Outcome]]:
    """The outcomes of all `items`, in the order in which they end; otherwise as `asked`.

    What the model writes itself is written many at once.
    """
    if task.kind not in WRITING:
        yield from ((item, asked(model, task, item, parent)) for item in items)
        return
    size = SCORED_AFTER if task.kind == "reason" else len(items)
    for at in range(0, len(items), size):
        yield from group_asked(model, task, items[at : at + size])


def group_asked(
    model: LanguageModel, task: Task, items: Sequence[Item]
) -> Iterator[tuple[Item, Outcome]]:
    """The outcomes of a group. Where a second pass asks the model again, it waits for all of the
    first pass."""
    requests = [request_of(task, item) for item in items]
    answers = answered([item.where for item in items], model, requests)
    for number, answer in list(answers) if task.kind == "reason" else answers:
        item = items[number]
        try:
            yield item, WRITING[task.kind](model, task, item, answer)
        except ModelError as error:
            raise named(item.where, error) from None


def request_of(task: Task, item: Item) -> Request:
    """What a task has the model write first: greedily, without a system prompt."""
    return Request(turns(task, task.kind, item), task.max_tokens)


def write(model: LanguageModel, task: Task, item: Item, answer: Answer) -> Outcome:
    """The model writes a text, which is compared with the reference and the source."""
    return Outcome(written(task, item, answer.text), answer.tokens, not answer.complete)


def follow(model: LanguageModel, task: Task, item: Item, answer: Answer) -> Outcome:
    """The model follows instructions, which a program verifies."""
    assert isinstance(item.wanted, tuple) and not isinstance(item.wanted, AnswerOptions)
    return Outcome(followed(item.wanted, answer.text), answer.tokens, not answer.complete)


def choose(model: LanguageModel, task: Task, item: Item) -> Outcome:
    """The likeliest option, by its letter after the options, and by its text after the question."""
    assert isinstance(item.wanted, AnswerOptions)
    texts, right = item.wanted
    scores: Scores = {}
    if "letter" in task.prompts:
        prompt = turns(task, "letter", item)
        scores["letter"] = picked(logs(model, prompt, LETTERS[: len(texts)]), right)
    prompt = turns(task, "text", item)
    found = logs(model, prompt, texts)
    scores["text"] = picked(found, right)
    per_byte = [log / len(text.encode()) for log, text in zip(found, texts, strict=True)]
    scores["text-per-byte"] = picked(per_byte, right)
    return Outcome(scores)


def reason(model: LanguageModel, task: Task, item: Item, answer: Answer) -> Outcome:
    """In two passes, as MedCare is asked: the model explains, then the likeliest letter counts."""
    assert isinstance(item.wanted, AnswerOptions)
    texts, right = item.wanted
    second = (
        *request_of(task, item).messages,
        Message("assistant", answer.text),
        Message("user", task.prompts["letter"].strip()),
    )
    found = picked(logs(model, second, LETTERS[: len(texts)]), right)
    return Outcome({"two-pass": found}, answer.tokens, not answer.complete)


def read(model: LanguageModel, task: Task, item: Item, parent: Reader | None) -> Outcome:
    """The model reads a text, alone or beside its parent."""
    assert isinstance(model, Reader)
    text = item.fields["text"]
    if task.kind == "read":
        return Outcome(surprise(model, text))
    assert parent is not None
    return Outcome(divergence(model, parent, text))


def logs(model: LanguageModel, prompt: tuple[Message, ...], options: Sequence[str]) -> list[float]:
    """The natural-log probability of each option as the beginning of the answer."""
    return [sum(model.score(prompt, option)) for option in options]


WRITING: dict[str, Callable[[LanguageModel, Task, Item, Answer], Outcome]] = {
    "write": write,
    "follow": follow,
    "reason": reason,
}
"""Kinds of tasks that judge what the model has written, by the `kind` in a task's table."""
