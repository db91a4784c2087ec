"""The identity of a run: two runs with the same one give the same tasks in the same order.

How many tasks are wanted is not part of it: a longer run begins with the tasks of a shorter one.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any, get_args

from edgemed_models.base import LanguageModel
from edgemed_models.engine.settings import KVType

from edgemed import __version__
from edgemed.instructions import asking
from edgemed.instructions.make import MakeSettings
from edgemed.instructions.seeds import digest_of
from edgemed.instructions.task import Seed
from edgemed.instructions.tries import Identity
from edgemed.local_models.loading import Options, decisive

LOADED: dict[str, Callable[[Any], bool]] = {
    "context": lambda value: type(value) is int,
    "gpu_layers": lambda value: type(value) is int,
    "kv_type": lambda value: value in get_args(KVType),
    "repack": lambda value: isinstance(value, bool),
    "batch": lambda value: type(value) is int,
}
"""Settings of loading that can change what a model writes, and that are otherwise
planned afresh; and the type of each."""


def identity_of(
    model: LanguageModel, sha256: str, seeds: Sequence[Seed], settings: MakeSettings
) -> Identity:
    """The identity of a run with the model whose file has this hash."""
    engine = decisive(model, settings.answer_tokens, settings.temperature)
    return {
        "model": sha256,
        "seed tasks": digest_of(seeds),
        "prompts": asking.VERSION,
        **{name.replace("_", " "): value for name, value in asdict(settings).items()},
        "chat template": engine["chat_template"],
        "adapters": engine.get("adapters", []),
        "loading": {name: engine.get(name) for name in LOADED},
        "edgemed": __version__,
        "llama-cpp-python": version("llama-cpp-python"),
    }


def as_begun(options: Options, run: Identity | None) -> Options:
    """The options with which a stopped run continues: its memory plan's choices stay."""
    before = (run or {}).get("loading")
    chosen: dict[str, Any] = before if isinstance(before, dict) else {}
    kept: dict[str, Any] = {
        name: chosen[name]
        for name, fits in LOADED.items()
        if getattr(options, name) is None and fits(chosen.get(name))
    }
    return replace(options, **kept)
