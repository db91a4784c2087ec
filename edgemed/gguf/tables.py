"""What is in a model's header, as tables of text: facts, types, every tensor."""

from edgemed.amounts import amount
from edgemed.gguf.description import ModelDescription
from edgemed.gguf.model import NOT_GGUF, Model
from edgemed.storage.sizes import show_size
from edgemed.tables import Table


def summary(d: ModelDescription) -> Table:
    """The main facts, one per line."""
    more = len(d.files) - 1
    shards = f" and {amount(more, 'more shard')}" if more else ""
    kinds = ", ".join(part for part in (d.vocabulary_model, d.vocabulary_pre) if part)
    weights = f"{d.weights:,} ({d.bits_per_weight:.2f} bits each)" if d.weights else "none"
    vocabulary = f"{d.vocabulary_size:,} tokens" if d.vocabulary_size else "none"
    return Table(
        ("", ""),
        [
            ("file", d.files[0] + shards),
            ("size", f"{show_size(d.nbytes)} ({d.nbytes:,} bytes)"),
            ("format", form(d)),
            ("architecture", d.architecture or "not stated"),
            ("name", d.name or "not stated"),
            ("licence", d.licence or "not stated"),
            ("weights", weights),
            ("context", f"{d.context_length:,} tokens" if d.context_length else "not stated"),
            ("vocabulary", f"{vocabulary} ({kinds})" if kinds else vocabulary),
            ("chat template", "yes" if d.chat_template else "none"),
            *(("training", f"quantization-aware: {s}") for s in (d.trained_rounding,) if s),
        ],
    )


def form(d: ModelDescription) -> str:
    """The kind of file."""
    if d.version == NOT_GGUF:
        return "Hugging Face checkpoint"
    return f"GGUF version {d.version}, aligned to {d.alignment}"


def type_table(d: ModelDescription) -> Table:
    """How many tensors, weights and bytes each tensor type has."""
    columns = ("type", ">tensors", ">weights", ">bytes")
    return Table(columns, [(n, *(f"{x:,}" for x in share)) for n, share in d.types.items()])


def tensor_table(model: Model) -> Table:
    """One line per tensor, in the file's order; the first number of a shape is the row length."""
    columns = ("tensor", ">shape", "type", ">bytes")
    return Table(
        columns,
        [
            (t.name, " x ".join(map(str, t.shape)) or "scalar", t.type.name, f"{t.nbytes:,}")
            for t in model.tensors.values()
        ],
    )
