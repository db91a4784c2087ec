"""Every known reason why llama.cpp will not load one model, and the error that says so."""

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
"""Architectures that turn pictures or sound into input for a language model."""

WRITE_ANEW = "rewrite it as llama.cpp needs it: edgemed quantize IN OUT --out-type TYPE"


def obstacles(model: Model) -> Iterator[Obstacle]:
    """The reasons; none if llama.cpp will load the model, as far as headers tell."""
    if model.folder is None:
        yield from layout(model)
    if not is_language_model(model):
        what = "it is not a language model but a part for one (an adapter or a projector)"
        yield Obstacle(what, "name the model that it belongs to", "beside")
        return
    found = of_metadata(model.metadata)
    yield from found
    if not any(obstacle.about == "keys" for obstacle in found):
        for obstacle in tensors(model):
            yield obstacle._replace(about="tensors") if obstacle.about == "keys" else obstacle


def is_language_model(model: Model) -> bool:
    """Whether the file is a language model, not an adapter or projector for one."""
    kind, arch = (model.metadata.text(f"general.{key}") for key in ("type", "architecture"))
    return kind in (None, "model") and arch not in PROJECTORS


def of_metadata(metadata: Metadata) -> list[Obstacle]:
    """What is wrong with the keys; if values have wrong types, nothing else is checked."""
    found = [*wrong_kinds(metadata)]
    if not any(obstacle.about == "keys" for obstacle in found):
        found += [*vocabulary(metadata), *hyper_parameters(metadata)]
    return found


def layout(model: Model) -> Iterator[Obstacle]:
    """Tensors must follow one another in the order of the table, each aligned."""
    for name in model.strays[:1]:
        what = f"the tensor {quoted(name)} does not directly follow the one before it"
        yield Obstacle(what, WRITE_ANEW, "layout")
    narrow = next((t for t in model.tensors.values() if t.offset % LEAST_ALIGNMENT), None)
    if narrow is not None:
        place = f"does not start at a multiple of {LEAST_ALIGNMENT} bytes: llama.cpp aborts on it"
        yield Obstacle(f"the tensor {quoted(narrow.name)} {place}", WRITE_ANEW, "layout")


def refuse_unloadable(model: Model, written_anew: bool = False) -> None:
    """InvalidFile with the first reason why llama.cpp will not load the model, if there is one.

    `written_anew`: a new file is made from it, so the layout of this one does not matter.
    """
    about = OF_EVERY_COPY if written_anew else (*OF_EVERY_COPY, "layout", "beside", "texts")
    found = [obstacle for obstacle in obstacles(model) if obstacle.about in about]
    if found:
        more = f" (and {len(found) - 1} more reasons)" if found[1:] else ""
        what = f"{found[0].verdict}: {found[0].what}{more}"
        raise Flaw(what, found[0].remedy).of(model.path)
