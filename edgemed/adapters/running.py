"""Adapters that llama.cpp runs beside a model's weights, unfolded: which it can, and their size."""

from edgemed.adapters.laying import EMBEDDING, HEAD, lay_over
from edgemed.adapters.naming import Use
from edgemed.adapters.opening import open_adapter
from edgemed.errors import Refused
from edgemed.gguf import Model


def refuse_unrunnable(model: Model, use: Use) -> int:
    """Bytes of the adapter; Refused if llama.cpp cannot run it beside `model`."""
    found = open_adapter(use.path, model)
    if found.form != "GGUF":
        raise Refused(
            f"{use.path} is a {found.form} folder, and llama.cpp runs adapters in GGUF form",
            "fold it into the model with `edgemed fold`, or convert it to GGUF",
        )
    if EMBEDDING in found.changes and HEAD not in model.tensors:
        raise Refused(
            f"{found.name} changes the embedding, which is this model's head as well: llama.cpp "
            "ends on that",
            "fold it into the model with `edgemed fold`",
        )
    lay_over(model, found, use)
    return sum(path.stat().st_size for path in found.files)
