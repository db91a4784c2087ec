"""Finds by trials the number of threads and the batch with which a model runs fastest here.

Each setting is tried in its own worker: a warm-up, then it reads a note of invented lines and
writes an answer, timed by the engine; then it is asked another question about the same note,
and the tokens that it reads for that are counted. Threads are chosen first, then the batch. Other
programs disturb the timings, so a setting must be clearly faster than the default to be taken; the
default is tried once more at the end, to see whether the machine was busy, and a setting must be
faster by more than those two trials differ.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from edgemed_models.answer import ask
from edgemed_models.base import Done, LanguageModel, Message, ModelError, Request
from edgemed_models.machine import logical_cores, usable_cores

from edgemed.amounts import amount
from edgemed.errors import EdgemedError
from edgemed.local_models.loading import BATCH, Options, load_model, translated
from edgemed.local_models.tuned import Speed, remember

NOTE_TOKENS, ANSWER_TOKENS = 1500, 300  # a typical note and its summary, to compare settings by
READ, WRITTEN = 384, 32  # tokens to read and write in a trial; fewer if the context is short
BATCHES = (64, 128, 256, 512)
CLEARLY = 0.95  # a setting is taken if it needs less than this share of the default's time
BUSY = 0.2  # of its time: a difference between two trials of the same settings that is reported
TRIES = 4  # answers to ask for until there are WRITTEN tokens: a model may end early

Open = Callable[[Options], LanguageModel]
Say = Callable[[Speed], None]


class Stopped(EdgemedError):
    """The user stopped a tuning."""


def tune(path: Path, say: Say, stop: Callable[[], bool]) -> Speed:
    """Measure `path` on this machine, report each trial, and save the best settings.

    Raises Stopped if `stop` returns true between two trials, EdgemedError if the model cannot be
    loaded or fails; then nothing is saved.
    """

    def told(speed: Speed) -> None:
        say(speed)
        if stop():
            raise Stopped("the tuning was stopped", "earlier settings are unchanged")

    try:
        chosen = search(lambda options: load_model(path, options, READ + WRITTEN), told)
    except ModelError as error:
        raise translated(error) from None
    remember(path, chosen)
    return chosen


def search(open_model: Open, say: Say) -> Speed:
    """The best setting: tries the default, then other threads, other batches, the default again."""
    usual = trial(open_model, usable_cores(), BATCH)
    say(usual)
    best = usual
    for threads in threads_to_try():
        if threads != usual.threads:
            best = min(best, told(trial(open_model, threads, BATCH), say), key=seconds)
    for batch in BATCHES:
        if batch != BATCH:
            best = min(best, told(trial(open_model, best.threads, batch), say), key=seconds)
    again = told(trial(open_model, usual.threads, BATCH), say)
    first, last = sorted((seconds(usual), seconds(again)))
    clearly = min(CLEARLY, first / last)  # by more than the same settings differ from themselves
    found = best if seconds(best) < clearly * first else usual
    return replace(found, unsteady=last / first - 1)


def told(speed: Speed, say: Say) -> Speed:
    """Report `speed` and return it."""
    say(speed)
    return speed


def threads_to_try() -> list[int]:
    """Half of the physical cores, all of them, and all logical cores."""
    cores = usable_cores()
    return sorted({max(1, cores // 2), cores, logical_cores()})


def seconds(speed: Speed) -> float:
    """Seconds that a typical note and its summary would take."""
    return NOTE_TOKENS / max(speed.read, 1e-9) + ANSWER_TOKENS / max(speed.written, 1e-9)


def trial(open_model: Open, threads: int, batch: int) -> Speed:
    """Load the model, warm up, measure, close it."""
    model = open_model(Options(threads=threads, batch=batch))
    try:
        ended(model, Request((Message("user", "Ready?"),), max_tokens=1))
        return measured(model, threads, batch)
    finally:
        model.close()


def measured(model: LanguageModel, threads: int, batch: int) -> Speed:
    """Tokens per second, read and written; asks again if the model ends an answer early."""
    messages = note_of(model)
    first = ended(model, Request(messages, max_tokens=WRITTEN, temperature=0.8))
    tokens, spent = first.timings.answer_tokens, first.timings.answer_seconds
    for seed in range(1, TRIES):
        if tokens >= WRITTEN:
            break
        more = ended(model, Request(messages, max_tokens=WRITTEN, temperature=0.8, seed=seed))
        tokens, spent = tokens + more.timings.answer_tokens, spent + more.timings.answer_seconds
    read = first.timings.prompt_tokens / max(first.timings.prompt_seconds, 1e-9)
    return Speed(threads, batch, read, tokens / max(spent, 1e-9), reread(model, messages[0]))


def reread(model: LanguageModel, note: Message) -> int:
    """Tokens read for a second question about a note, after a first one was answered."""
    for question in ("\n\nIn one line?", "\n\nWhat next?"):
        message, shared = Message("user", note.content + question), len(note.content)
        end = ended(model, Request((message,), max_tokens=1, shared=shared))
    return end.timings.prompt_tokens - end.timings.kept_tokens


def ended(model: LanguageModel, request: Request) -> Done:
    """How a request ended. Raises EdgemedError if the engine broke."""
    try:
        end = ask(model, request).end
    except ModelError as error:
        raise EdgemedError(error.message, error.hint) from None
    assert isinstance(end, Done)
    return end


def note_of(model: LanguageModel) -> tuple[Message, ...]:
    """Invented lines that fill READ tokens, or half of the model's context if that is less."""
    room = min(READ, model.context - WRITTEN)
    text = ""
    for line in invented():
        if model.count((Message("user", text + line),)) > room:
            break
        text += line
    return (Message("user", text or "Ready?"),)


def invented() -> Iterator[str]:
    """An endless series of lines as in a chart; of no real patient."""
    number = 0
    while True:
        number += 1
        pulse, pressure = 60 + number % 40, 110 + number % 30
        yield f"Reading {number}: pulse {pulse}, pressure {pressure}/70, at rest.\n"


def shown(speed: Speed) -> str:
    """A trial in words."""
    digits = 0 if speed.read >= 100 else 1  # a slow machine's rates differ behind the point
    words = (
        f"{amount(speed.threads, 'thread')}, batch {speed.batch}: reads {speed.read:,.{digits}f} "
        f"and writes {speed.written:,.1f} tokens per second; "
        f"a typical note takes {seconds(speed):,.0f} s"
    )
    if speed.reread is None:
        return words
    return f"{words}, and another draft of it reads {amount(speed.reread, 'token')} again"


def busy(speed: Speed) -> str:
    """A warning that the machine was busy during tuning; empty if it was not."""
    if speed.unsteady is None or speed.unsteady < BUSY:
        return ""
    return (
        f"the machine was busy: the same settings took {speed.unsteady:.0%} longer at another "
        "time; tune again when no other program works"
    )


def is_usual(speed: Speed) -> bool:
    """Whether a setting is the default, used without tuning."""
    return (speed.threads, speed.batch) == (usable_cores(), BATCH)
