"""GGUF files: a lazy reader that checks everything, shards as one model, a planner for writing."""

from edgemed.gguf.metadata import Metadata
from edgemed.gguf.model import Model, open_model, open_models
from edgemed.gguf.shards import SPLIT_KEYS
from edgemed.gguf.tensors import Gathered, Run, Tensor
from edgemed.gguf.writer import Layout, edit_metadata, metadata_bytes, plan_layout
from edgemed.printable import printable

__all__ = [
    "SPLIT_KEYS",
    "Gathered",
    "Layout",
    "Metadata",
    "Model",
    "Run",
    "Tensor",
    "edit_metadata",
    "metadata_bytes",
    "open_model",
    "open_models",
    "plan_layout",
    "printable",
]
