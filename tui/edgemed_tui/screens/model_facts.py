"""What the models screen says of a model: its figures, what a tuning found, whether it fits."""

from pathlib import Path

from edgemed_models.engine.memory_plan import explain

from edgemed.amounts import amount
from edgemed.gguf import open_model
from edgemed.gguf.description import ModelDescription, describe
from edgemed.local_models import beside, library, tuning
from edgemed.local_models.loading import Options, plan_model
from edgemed.local_models.tuned import recall
from edgemed.storage.sizes import show_size
from edgemed_tui.literal import one_line


def facts(entry: library.AddedModel) -> str:
    """What the file holds, and how its memory adds up."""
    model, adapters = open_model(Path(entry.path)), beside.adapter_of(entry)
    rows = [
        one_line(entry.path),
        *(f"with the adapter {one_line(str(use.path))}{use.suffix}" for use in adapters),
        f"sha256 {entry.sha256}",
        f"licence: {one_line(entry.licence)}",
        "",
    ]
    rows += [
        *figures(describe(model)),
        *tuned(Path(entry.path)),
        "",
        "Memory, with the largest context that fits:",
    ]
    return "\n".join([*rows, *explain(plan_model(model, Options(adapters=adapters)))])


def trained_on(context: int | None) -> str:
    """The longest context in training."""
    return amount(context, "token") if context else "an unstated number of tokens"


def tuned(path: Path) -> list[str]:
    """What a tuning found, if there was one."""
    found = recall(path)
    if found is None:
        return ["not tuned on this machine: t finds the fastest settings"]
    return [f"tuned: {tuning.shown(found)}"]


def figures(found: ModelDescription) -> list[str]:
    """The figures a person asks for first."""
    types = ", ".join(f"{name} {show_size(share.nbytes)}" for name, share in found.types.items())
    return [
        f"{found.architecture}, {found.weights / 1e6:,.0f} M weights, {show_size(found.nbytes)}",
        f"{found.bits_per_weight:.2f} bits per weight: {types}",
        f"trained on {trained_on(found.context_length)}",
        f"chat template: {'yes' if found.chat_template else 'none in the file'}",
    ]
