"""One reason why llama.cpp will not load a model, or why edgemed cannot tell whether it will."""

from typing import Literal, NamedTuple

CONVERT = "convert the model again with a current llama.cpp, or get it from another publisher"
NOT_ALIKE = (
    "its tensors and hyper-parameters do not fit together: get the model from another publisher"
)


class Obstacle(NamedTuple):
    """`about`: the model's `keys` or `tensors`, which are the same in every copy of it; its
    `layout` in this file, which rewriting the file fixes; `beside`, for a file that goes with a
    model and is none itself; or `unknown`, where the model may be fine."""

    what: str
    remedy: str = CONVERT
    about: Literal["keys", "tensors", "layout", "beside", "unknown"] = "keys"


OF_EVERY_COPY = ("keys", "tensors")
