"""One reason why llama.cpp will not load a model, or why edgemed cannot tell whether it will."""

from typing import Literal, NamedTuple

CONVERT = "convert the model again with a current llama.cpp, or get it from another publisher"
NOT_ALIKE = (
    "its tensors and hyper-parameters do not fit together: get the model from another publisher"
)


class Obstacle(NamedTuple):
    """`about`: the model's `keys` or `tensors`, which are the same in every copy of it; its
    `layout` in this file, which rewriting the file fixes; `beside`, for a file that goes with a
    model and is not one; `texts`, if llama.cpp loads it but crashes on some texts; or `unknown`, if
    the model may be fine."""

    what: str
    remedy: str = CONVERT
    about: Literal["keys", "tensors", "layout", "beside", "texts", "unknown"] = "keys"

    @property
    def verdict(self) -> str:
        """What llama.cpp does with the file."""
        return VERDICTS.get(self.about, "llama.cpp does not load it")


OF_EVERY_COPY = ("keys", "tensors")

VERDICTS = {
    "texts": "llama.cpp loads it, but would crash on some texts",
    "unknown": "edgemed cannot tell whether llama.cpp loads it",
}
