"""One reason why llama.cpp will not load a model, or why that cannot be told from here."""

from typing import Literal, NamedTuple

CONVERT = "convert the model again with a current llama.cpp, or get it from another publisher"
NOT_ALIKE = (
    "its tensors and its hyper-parameters are of different models: get it from another publisher"
)


class Obstacle(NamedTuple):
    """`about`: the model's `keys` or `tensors`, which every copy of it shares; its `layout` in this
    file, which writing it anew mends; that it is meant to stand `beside` a model; or what is
    `unknown` here, and so may be fine."""

    what: str
    remedy: str = CONVERT
    about: Literal["keys", "tensors", "layout", "beside", "unknown"] = "keys"


OF_EVERY_COPY = ("keys", "tensors")
