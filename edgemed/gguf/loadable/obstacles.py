"""All that is known to stand in llama.cpp's way, for one model; and the refusal of it."""

from collections.abc import Iterator

from edgemed.gguf.flaw import Flaw, quoted
from edgemed.gguf.loadable.architecture import hyper_parameters, tensors
from edgemed.gguf.loadable.kinds import wrong_kinds
from edgemed.gguf.loadable.obstacle import OF_EVERY_COPY, Obstacle
from edgemed.gguf.loadable.vocabulary import vocabulary
from edgemed.gguf.metadata import Metadata
from edgemed.gguf.model import Model
from edgemed.gguf.writer import LEAST_ALIGNMENT

PROJECTORS = ("clip",)
"""Architectures that turn pictures and sound into what a language model reads."""

WRITE_ANEW = "`edgemed quantize IN OUT --type TYPE` writes it anew, as llama.cpp wants it"


def obstacles(model: Model) -> Iterator[Obstacle]:
    """Nothing, where llama.cpp will load the model as far as headers tell."""
    yield from layout(model)
    if not is_language_model(model):
        what = "it stands beside a language model and is none (an adapter, a projector)"
        yield Obstacle(what, "name the model itself", "beside")
        return
    found = of_metadata(model.metadata)
    yield from found
    if not any(obstacle.about == "keys" for obstacle in found):
        for obstacle in tensors(model):
            yield obstacle._replace(about="tensors") if obstacle.about == "keys" else obstacle


def is_language_model(model: Model) -> bool:
    """Whether it is meant to be one, and nothing that stands beside one."""
    kind = str(model.metadata.get("general.type", "model"))
    return kind == "model" and model.metadata.get("general.architecture") not in PROJECTORS


def of_metadata(metadata: Metadata) -> list[Obstacle]:
    """What is wrong with the keys alone; where kinds are wrong, nothing more is asked."""
    found = [*wrong_kinds(metadata)]
    if not any(obstacle.about == "keys" for obstacle in found):
        found += [*vocabulary(metadata), *hyper_parameters(metadata)]
    return found


def layout(model: Model) -> Iterator[Obstacle]:
    """Tensors one behind the other in the order of the table, where a processor can load them."""
    for name in model.strays[:1]:
        what = f"the tensor {quoted(name)} is not directly behind the one before"
        yield Obstacle(what, WRITE_ANEW, "layout")
    narrow = next((t for t in model.tensors.values() if t.offset % LEAST_ALIGNMENT), None)
    if narrow is not None:
        place = f"does not start at a multiple of {LEAST_ALIGNMENT} bytes, on which it aborts"
        yield Obstacle(f"the tensor {quoted(narrow.name)} {place}", WRITE_ANEW, "layout")


def refuse_unloadable(model: Model, written_anew: bool = False) -> None:
    """InvalidFile with the first reason why llama.cpp will not load the model, if there is one.

    `written_anew`: another file is made of it, so that where its tensors lie does not matter.
    """
    about = OF_EVERY_COPY if written_anew else (*OF_EVERY_COPY, "layout", "beside")
    found = [obstacle for obstacle in obstacles(model) if obstacle.about in about]
    if found:
        more = f" (and {len(found) - 1} more reasons)" if found[1:] else ""
        what = f"llama.cpp does not load it: {found[0].what}{more}"
        raise Flaw(what, found[0].remedy).of(model.paths[0])
