"""Opens a Hugging Face checkpoint as a model: metadata and tensors as GGUF has them.

    >>> model = open_checkpoint(Path("SmolLM2-135M-Instruct"))
    >>> model.metadata["general.architecture"], model.tensors["blk.0.attn_q.weight"].type.name
    ('llama', 'BF16')

Only config.json, the tokenizer, the card and the tables of the weights are read. All else that can
be done with a GGUF file can be done with this model.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from edgemed.checkpoints.architectures import architecture_of
from edgemed.checkpoints.card import general
from edgemed.checkpoints.folder import Tables, files_beside, read_config, weight_tables
from edgemed.checkpoints.hyper_parameters import CheckpointConfig, Values, hyper_parameters, notes
from edgemed.checkpoints.rope import rope_of
from edgemed.checkpoints.weights import EMBEDDING, in_order, left_out, of_numbers, tensors_of
from edgemed.errors import InvalidFile
from edgemed.gguf import Metadata, Model, Tensor
from edgemed.gguf.header import DEFAULT_ALIGNMENT
from edgemed.gguf.model import NOT_GGUF
from edgemed.gguf.values import encode

ARCHITECTURE = "general.architecture"


def open_checkpoint(folder: Path) -> Model:
    """The model in a folder; InvalidFile or Refused, with the file named, if it cannot be used."""
    from edgemed.checkpoints.tokenizers import tokenizer_metadata

    tree = read_config(folder)
    row = architecture_of(tree, str(folder))
    config = CheckpointConfig(folder / "config.json", tree, row)
    rope = rope_of(config)
    shape: Values = {ARCHITECTURE: ("string", row.gguf), **hyper_parameters(config), **rope.keys}
    tables = weight_tables(folder)
    tensors = {name: of_numbers(name, f, config.path) for name, f in rope.factors.items()}
    tensors |= tensors_of(tables, row, metadata_of(shape), config.tied)
    rows = vocabulary_rows(config, tensors)
    names = general(folder, tree, weights_in(tensors), size_label(tensors))
    kind: Values = {ARCHITECTURE: shape[ARCHITECTURE], "general.type": ("string", "model")}
    metadata = metadata_of({**kind, **names, **shape, **tokenizer_metadata(folder, rows)})
    said = (*notes(config), *said_of(folder, left_out(tables, row)))
    paths = paths_of(folder, tables)
    return Model(
        paths, NOT_GGUF, DEFAULT_ALIGNMENT, metadata, in_order(tensors), folder=folder, notes=said
    )


def metadata_of(values: Values) -> Metadata:
    """Metadata of these values."""
    return Metadata.of({key: encode(kind, value) for key, (kind, value) in values.items()})


def paths_of(folder: Path, tables: Tables) -> tuple[Path, ...]:
    """Every file that the model is made from, config.json first."""
    first, *rest = files_beside(folder)
    return (first, *tables, *rest)


def vocabulary_rows(config: CheckpointConfig, tensors: Mapping[str, Tensor]) -> int:
    """Rows of the embedding; InvalidFile if there is none, or config.json says otherwise."""
    embedding, stated = tensors.get(EMBEDDING), config.whole("vocab_size")
    if embedding is None or len(embedding.shape) != 2:
        raise InvalidFile(f"{config.path.parent} has no embed_tokens.weight", "get it again")
    if embedding.rows != stated:
        raise InvalidFile(
            f"{config.path}: vocab_size is {stated:,}, the embedding has {embedding.rows:,} rows",
            "set vocab_size to the number of rows, if the tokenizer has no more tokens",
        )
    return embedding.rows


def weights_in(tensors: Mapping[str, Tensor]) -> int:
    """How many weights all tensors hold."""
    return sum(tensor.rows * tensor.row_length for tensor in tensors.values())


def size_label(tensors: Mapping[str, Tensor]) -> str:
    """The size as gguf-py writes it: of one expert of each block, and how many there are."""
    from gguf.utility import size_label as label

    total = weights_in(tensors)
    stacks = {name: t for name, t in tensors.items() if "_exps." in name}
    count = next((t.shape[2] for t in stacks.values()), 0)
    stacked = weights_in(stacks)
    return str(label(total, total - stacked, stacked // max(1, count), count))


def said_of(folder: Path, others: int) -> Iterator[str]:
    """What is left out of the model."""
    if others:
        yield f"{folder.name}: {others:,} tensors of other parts, such as vision, are left out"
