"""config.json as GGUF's hyper-parameters: the keys of a row of ARCHITECTURES, and of its rope.

A value that is missing and has no default, that has the wrong type, or that llama.cpp does not
compute with, is refused by name.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from edgemed.checkpoints.architectures import Architecture
from edgemed.errors import InvalidFile, Refused
from edgemed.printable import printable

Values = dict[str, tuple[str, Any]]
"""GGUF key -> (type, value)."""

LARGEST = 2**32 - 1
AGAIN = "get config.json again from the model's publisher"
ANOTHER = "convert it with llama.cpp's convert_hf_to_gguf.py, and compare what it says"

MAY_LACK = ("sliding_window", "attn_logit_softcapping", "final_logit_softcapping")
"""Values that may be null: the model does not have that part then."""


OTHERWISE = {"num_experts": "num_local_experts"}
"""What newer versions of transformers call a value."""


class CheckpointConfig:
    """The language model's part of config.json, read value by value."""

    def __init__(self, path: Path, tree: Mapping[str, Any], row: Architecture) -> None:
        text = tree.get("text_config")
        self.path, self.row = path, row
        self.tree = {**tree, **text} if isinstance(text, dict) else dict(tree)
        self.refuse_quantized()
        for name, values in row.only.items():
            if self.get(name) not in values:
                self.refuse(name, f"llama.cpp computes {row.gguf} with {values[0]}")

    def get(self, name: str) -> Any:
        """A value, or its default."""
        found = self.tree.get(name)
        if found is None and name in OTHERWISE:
            found = self.tree.get(OTHERWISE[name])
        return self.row.usual.get(name) if found is None else found

    def whole(self, name: str) -> int:
        """A whole number above 0."""
        found = self.get(name)
        if type(found) is not int or not 0 < found <= LARGEST:
            self.wrong(name, found)
        return found

    def real(self, name: str, tree: Mapping[str, Any] | None = None) -> float:
        """A number above 0, of the file or of a table in it."""
        found: Any = self.get(name) if tree is None else tree.get(name)
        if type(found) not in (int, float) or not math.isfinite(found) or found <= 0:
            self.wrong(name, found)
        return float(found)

    def reals(self, name: str, tree: Mapping[str, Any], count: int) -> list[float]:
        """A list of that many numbers above 0."""
        found = tree.get(name)
        if not isinstance(found, list) or len(found) != count:
            self.wrong(name, f"not a list of {count} numbers")
        return [self.real(name, {name: value}) for value in found]

    def wrong(self, name: str, found: Any) -> NoReturn:
        shown = printable(str(found)[:80])
        raise InvalidFile(f"{self.path}: {name} is {shown}", AGAIN)

    def refuse(self, name: str, why: str) -> NoReturn:
        shown = printable(str(self.get(name))[:80])
        raise Refused(f"{self.path}: {name} is {shown}; {why}", ANOTHER)

    def refuse_quantized(self) -> None:
        """Refuse a quantized checkpoint: it has no rows of plain numbers."""
        found = self.tree.get("quantization_config")
        if found:
            method = found.get("quant_method") if isinstance(found, dict) else found
            raise Refused(
                f"{self.path}: the checkpoint is quantized already ({printable(str(method)[:40])})",
                "get the model in BF16, F16 or F32 from its publisher",
            )

    @property
    def head_length(self) -> int:
        """As stated, else the width divided by the heads."""
        if self.get("head_dim") is not None:
            return self.whole("head_dim")
        return self.whole("hidden_size") // self.whole("num_attention_heads")

    @property
    def tied(self) -> bool:
        """Whether the embedding is the head."""
        found = self.tree.get("tie_word_embeddings")
        return self.row.tied if found is None else bool(found)


def hyper_parameters(config: CheckpointConfig) -> Values:
    """Every `ARCH.*` key but those of the rope."""
    found: Values = {}
    for key in config.row.keys:
        value = value_of(config, key.source, key.kind)
        if value is not None:
            found[f"{config.row.gguf}.{key.name}"] = (key.kind, value)
    refuse_other_scale(config)
    refuse_other_layers(config)
    return found


def value_of(config: CheckpointConfig, source: str, kind: str) -> int | float | None:
    """The value of one key; None if the model does not have it."""
    if source == "head_dim":
        return config.head_length
    if source == "rope_dimensions":
        return int(config.head_length * partial(config))
    if source == "num_key_value_heads" and config.get(source) is None:
        return config.whole("num_attention_heads")
    if source in MAY_LACK and config.get(source) is None:
        return 0 if config.row.gguf == "phi3" else None
    if source in config.tree and config.tree[source] is None and config.row.gguf == "gemma2":
        config.refuse(source, "llama.cpp has no gemma2 without it")
    return config.real(source) if kind == "float32" else config.whole(source)


def partial(config: CheckpointConfig) -> float:
    """The share of a head that is rotated."""
    table = config.get("rope_parameters")
    inside = table.get("partial_rotary_factor") if isinstance(table, dict) else None
    found = config.get("partial_rotary_factor") if inside is None else inside
    return (
        1.0
        if found is None
        else config.real("partial_rotary_factor", {"partial_rotary_factor": found})
    )


def refuse_other_scale(config: CheckpointConfig) -> None:
    """llama.cpp scales gemma's queries by a head's length; in 27B models by the width."""
    if config.get("query_pre_attn_scalar") is None:
        return
    largest = {"gemma2": 46, "gemma3": 62}.get(config.row.gguf)
    length = config.head_length
    if config.whole("num_hidden_layers") == largest:
        length = config.whole("hidden_size") // config.whole("num_attention_heads")
    if config.real("query_pre_attn_scalar") != length:
        config.refuse("query_pre_attn_scalar", f"llama.cpp computes with {length}")


def refuse_other_layers(config: CheckpointConfig) -> None:
    """GGUF does not say which blocks have a sliding window: llama.cpp knows it for gemma."""
    every = {"gemma2": 2, "gemma3": 6}.get(config.row.gguf)
    found = config.get("layer_types")
    if every is None or not isinstance(found, list):
        return
    wanted = [
        "sliding_attention" if (i + 1) % every else "full_attention" for i in range(len(found))
    ]
    if found != wanted:
        config.refuse("layer_types", f"llama.cpp has full attention in every {every}. block")


def notes(config: CheckpointConfig) -> Iterator[str]:
    """Where llama.cpp differs from transformers, on long texts only."""
    window, arch = config.get("sliding_window"), config.row.gguf
    used = config.get("use_sliding_window") is not False or arch == "phi3"
    if arch not in ("gemma2", "gemma3") and isinstance(window, int) and used:
        yield (
            f"{config.path.parent.name}: llama.cpp lets every token of a {arch} model see all "
            f"before it; the model was trained to see {window:,}"
        )
