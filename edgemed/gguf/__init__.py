"""GGUF files: a lazy reader that checks everything, shards as one model, a planner for writing."""

from edgemed.gguf.metadata import Metadata
from edgemed.gguf.model import Model, open_model, open_models
from edgemed.gguf.shards import SPLIT_KEYS
from edgemed.gguf.tensors import Tensor
from edgemed.gguf.writer import Layout, edit_metadata, metadata_bytes, plan_layout
from edgemed.printable import printable

__all__ = [
    "SPLIT_KEYS",
    "Layout",
    "Metadata",
    "Model",
    "Tensor",
    "edit_metadata",
    "metadata_bytes",
    "open_model",
    "open_models",
    "plan_layout",
    "printable",
]
