"""All that is known to stand in llama.cpp's way, for one model; and the refusal of it."""

from collections.abc import Iterator

from edgemed.gguf.flaw import Flaw, quoted
from edgemed.gguf.loadable.architecture import hyper_parameters, tensors
from edgemed.gguf.loadable.kinds import wrong_kinds
from edgemed.gguf.loadable.obstacle import Obstacle
from edgemed.gguf.loadable.vocabulary import vocabulary
from edgemed.gguf.model import Model
from edgemed.gguf.writer import LEAST_ALIGNMENT

BESIDE = ("clip",)
"""Architectures of files that stand beside a language model; llama.cpp loads them otherwise."""

WRITE_ANEW = "`edgemed quantize IN OUT --type TYPE` writes it anew, as llama.cpp wants it"


def obstacles(model: Model) -> Iterator[Obstacle]:
    """Nothing, where llama.cpp will load the model as far as headers tell."""
    if model.metadata.get("general.architecture") in BESIDE:
        return
    yield from layout(model)
    found = [*wrong_kinds(model.metadata)]
    if not found:  # else nothing more can be asked
        found = [*vocabulary(model.metadata), *hyper_parameters(model.metadata)]
    if not any(obstacle.about == "content" for obstacle in found):
        found += tensors(model)
    yield from found


def layout(model: Model) -> Iterator[Obstacle]:
    """Tensors one behind the other in the order of the table, where a processor can load them."""
    for name in model.strays[:1]:
        yield Obstacle(
            f"{quoted(name)} is not directly behind the one before", WRITE_ANEW, "layout"
        )
    narrow = next((t for t in model.tensors.values() if t.offset % LEAST_ALIGNMENT), None)
    if narrow is not None:
        yield Obstacle(
            f"{quoted(narrow.name)} does not start at a multiple of {LEAST_ALIGNMENT} bytes, "
            "on which it aborts",
            WRITE_ANEW,
            "layout",
        )


def refuse_unloadable(model: Model, written_anew: bool = False) -> None:
    """InvalidFile with the first reason why llama.cpp will not load the model, if there is one.

    `written_anew`: another file is made of it, so that where its tensors lie does not matter.
    """
    about = ("content",) if written_anew else ("content", "layout")
    found = [obstacle for obstacle in obstacles(model) if obstacle.about in about]
    if found:
        more = f" (and {len(found) - 1} more reasons)" if found[1:] else ""
        what = f"llama.cpp does not load it: {found[0].what}{more}"
        raise Flaw(what, found[0].remedy).of(model.paths[0])
