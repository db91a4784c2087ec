"""From a GGUF file to a running model: header, memory plan, worker. The user's options are kept.

    >>> model = load_model("model.gguf", Options(), tokens=3000)

Turns the engine's errors into edgemed's; knows nothing of notes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_models import base
from edgemed_models.base import Message, ModelError
from edgemed_models.engine import fit, memory_plan
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.probe import find_gpu
from edgemed_models.engine.process import Process
from edgemed_models.engine.settings import OUTPUTS, EngineSettings, KVType
from edgemed_models.engine.tiles import tiles_crash
from edgemed_models.machine import memory, usable_cores

from edgemed.adapters.naming import Use
from edgemed.errors import LOG_LINE, EdgemedError, Refused, UsageError
from edgemed.gguf import Model, open_model
from edgemed.local_models.header_sizes import shape_of
from edgemed.local_models.tuned import recall
from edgemed.printable import printable
from edgemed.storage.bounded import read_bounded

SCAFFOLD = 2048  # tokens that a chat template may put around the messages
BATCH = 128  # tokens read at a time, unless the user or a tuning says otherwise
MOST_TOKENS = 32768  # context if no note is given: more is rarely needed and slow to reserve


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may set for loading; None leaves it to the plan."""

    context: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    kv_type: KVType | None = None
    batch: int | None = None
    repack: bool | None = None
    chat_template: Path | None = None
    adapters: tuple[Use, ...] = ()
    at_once: int | None = None
    scores_texts: bool = False
    """Whole texts are scored: every read of the model gives logits for all its tokens."""


class Planned(NamedTuple):
    """How to load a model for a request, and the tokens of its prompt if they were counted."""

    plan: memory_plan.MemoryPlan
    tokens: int | None


def load_model(path: Path, options: Options, tokens: int | None = None) -> LlamaModel:
    """Plan, then load `path` for requests of `tokens`. Raises Refused if it does not fit."""
    plan = plan_model(open_model(path), options, tokens)
    return start(settings_for(path, options, plan))


@contextmanager
def running(
    path: Path, options: Options, messages: Sequence[Message], answer: range
) -> Iterator[tuple[LlamaModel, int | None]]:
    """A model loaded for one request (see `plan_request`), closed when the block ends; and the
    tokens of the prompt if they are known."""
    with started_ahead() as process:
        plan, tokens = plan_request(path, options, messages, answer, process)
        model = start(settings_for(path, options, plan), process)
        try:
            yield model, tokens
        finally:
            model.close()


def plan_request(
    path: Path,
    options: Options,
    messages: Sequence[Message],
    answer: range,
    process: Process,
) -> Planned:
    """How to load a model for one request: prompt of `messages`, `answer` tokens to write.

    Room for the largest of `answer` if that fits, else for as many tokens as fit, but at least the
    smallest. A text has at most as many tokens as bytes: if that many fit easily, nothing is
    counted. Else `process` counts the prompt with the vocabulary only, before weights are read.
    """
    model = open_model(path)
    most = SCAFFOLD + sum(len(message.content.encode()) for message in messages)
    try:
        plan = plan_model(model, options, most + answer[-1])
        if plan.repack == (options.repack is not False) and plan.kv_type in (
            options.kv_type,
            "f16",
        ):
            return Planned(plan, None)
    except Refused:
        plan_model(model, options, fit.CONTEXT_STEP)  # if this is refused too, counting is no use
    prompt = count(path, options, messages, process)
    try:
        return Planned(plan_model(model, options, prompt + answer[-1]), prompt)
    except Refused as error:
        longest = plan_model(model, options).context
        if longest < prompt + answer[0]:
            error.message += f" ({prompt} tokens to read, up to {answer[-1]} to write)"
            raise
    return Planned(plan_model(model, options, min(longest, prompt + answer[-1])), prompt)


def count(path: Path, options: Options, messages: Sequence[Message], process: Process) -> int:
    """Tokens of the prompt, counted with the vocabulary only; `process` can then load the model."""
    try:
        return start(replace(bare_settings(path, options), vocab_only=True), process).count(
            messages
        )
    except ModelError as error:
        raise translated(error) from None


def start(settings: EngineSettings, process: Process | None = None) -> LlamaModel:
    """A running model, in `process` if one was started ahead; raises the engine's error as ours."""
    try:
        return LlamaModel(settings, process, with_adapters)
    except ModelError as error:
        raise translated(error) from None


@contextmanager
def with_adapters(settings: EngineSettings) -> Iterator[EngineSettings]:
    """The settings with every adapter in the form that llama.cpp reads, while it loads them."""
    if settings.vocab_only or not settings.adapters:
        yield settings
        return
    from edgemed.adapters.running import in_gguf

    try:
        with in_gguf(open_model(settings.path), settings.adapters) as adapters:
            yield replace(settings, adapters=adapters)
    except EdgemedError as error:
        raise ModelError(error.message, error.hint) from None


@contextmanager
def started_ahead() -> Iterator[Process]:
    """A worker that loads its libraries while the caller still plans; ended with the block."""
    try:
        process = Process()
    except ModelError as error:
        raise translated(error) from None
    try:
        yield process
    finally:
        process.end()


class Unfit(Refused):
    """The model does not fit in memory; `plan` is the one that needs least."""

    def __init__(self, message: str, hint: str, plan: memory_plan.MemoryPlan) -> None:
        super().__init__(message, hint)
        self.plan = plan


def translated(error: ModelError) -> EdgemedError:
    """An engine's error as an EdgemedError, its last log lines in the hint."""
    if isinstance(error, memory_plan.DoesNotFit):
        return Unfit(error.message, error.hint, error.plan)
    log = "".join(f"{LOG_LINE}{printable(line)}" for line in error.log[-4:])
    return Refused(error.message, error.hint + log)


def plan_model(model: Model, options: Options, tokens: int | None = None) -> memory_plan.MemoryPlan:
    """How to load a model so that `tokens` fit; without `tokens`, as many as fit."""
    shape, room = shape_of(model), memory()
    shape = replace(shape, other_bytes=shape.other_bytes + adapter_bytes(model, options.adapters))
    gpu = None if options.gpu_layers == 0 else find_gpu()
    if options.gpu_layers and gpu is None:
        raise Refused(
            "layers on a GPU were requested, but llama.cpp finds no GPU here",
            "leave all layers to the processor; `edgemed doctor` shows what the installed "
            "llama.cpp can use",
        )
    threads, batch = threads_and_batch(model.paths[0], options)
    wish = memory_plan.Wish(
        tokens=tokens or 0,
        threads=threads,
        batch=batch,
        context=options.context,
        gpu_layers=options.gpu_layers,
        kv_type=options.kv_type,
        repack=False if tiles_crash() else options.repack,
        outputs=outputs(options, batch),
    )
    if tokens is None and options.context is None:
        longest = min(fit.largest_context(shape, room, wish, gpu), MOST_TOKENS)
        wish = replace(wish, context=longest or fit.CONTEXT_STEP)
    try:
        return fit.fit(shape, room, wish, gpu)
    except ModelError as error:
        raise translated(error) from None


def settings_for(path: Path, options: Options, plan: memory_plan.MemoryPlan) -> EngineSettings:
    """The plan and the user's options, as the engine takes them."""
    return replace(
        bare_settings(path, options),
        context=plan.context,
        gpu_layers=plan.gpu_layers,
        kv_type=plan.kv_type,
        repack=plan.repack,
    )


def bare_settings(path: Path, options: Options) -> EngineSettings:
    """The settings that do not depend on a plan."""
    threads, batch = threads_and_batch(path, options)
    return EngineSettings(
        path=str(path.resolve()),
        context=0,
        threads=threads,
        batch=batch,
        outputs=outputs(options, batch),
        chat_template=read_template_file(options.chat_template),
        adapters=tuple((str(use.path.resolve()), use.strength) for use in options.adapters),
    )


def outputs(options: Options, batch: int) -> int:
    """Rows of logits that one read gives: a batch where whole texts are scored."""
    return batch if options.scores_texts else OUTPUTS


def decisive(
    model: base.LanguageModel, max_tokens: int, temperature: float = 0.0, seed: int = 0
) -> dict[str, Any]:
    """Everything that decides a draft besides note, model and template, as it is recorded."""
    engine = getattr(model, "settings", None)
    table: dict[str, Any] = {"context": model.context}
    if isinstance(engine, EngineSettings):
        table = asdict(engine)
    # The model's hash says which file it is; a draft is written alone.
    for name in ("path", "vocab_only", "sequences", "outputs"):
        table.pop(name, None)
    adapters = table.pop("adapters", ())
    if adapters:
        from edgemed.adapters.running import recorded

        table["adapters"] = [recorded(Path(path), strength) for path, strength in adapters]
    given = table.get("chat_template")
    table["chat_template"] = sha256(given.encode()).hexdigest() if given else "the model's own"
    sampler = "greedy" if temperature == 0 else "top-k 40, top-p 0.95"
    return table | {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "seed": seed,
        "sampler": sampler,
    }


def threads_and_batch(path: Path, options: Options) -> tuple[int, int]:
    """The user's settings, else those that a tuning of this file found, else the defaults."""
    found = recall(path)
    threads = options.threads or (found.threads if found else usable_cores())
    return threads, options.batch or (found.batch if found else BATCH)


def adapter_bytes(model: Model, uses: Sequence[Use]) -> int:
    """Bytes of the adapters; Refused for one that is for another model, or that llama.cpp cannot
    run beside it."""
    if not uses:
        return 0
    from edgemed.adapters.running import refuse_unrunnable

    return sum(refuse_unrunnable(model, use) for use in uses)


def read_template_file(path: Path | None) -> str | None:
    """The chat template that the user gave as a file."""
    if path is None:
        return None
    try:
        return read_bounded(path, "chat template").decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"cannot read the chat template {path}", "name a text file") from None
