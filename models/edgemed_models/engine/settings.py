"""How a model is loaded: plain values, chosen by the fit plan or by the user."""

from dataclasses import dataclass
from typing import Literal

KVType = Literal["f16", "q8_0", "q4_0"]

OUTPUTS = 8
"""Rows of logits that one read gives where no text is scored; a row is f32 [vocabulary]."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the worker needs to load `path`.

    `context` is the most tokens that a request may take; the KV cache is made large enough for a
    request and a further one about the same text, but never larger than this. `batch` tokens are
    read at a time; progress is shown, and a GPU can be cancelled, between two batches. `repack`
    lets llama.cpp make a second, faster copy of the weights in private memory. `chat_template`
    replaces the file's own. `flash` is llama.cpp's flash attention; "auto" lets llama.cpp choose.
    `vocab_only` loads no weights: such a model can only count tokens.
    `adapters` are GGUF files of LoRA adapters, each with its strength; `ready` of the client may
    convert them from other forms.
    `sequences`: how many requests of `context` tokens each fit at the same time when many are
    answered at once.
    `outputs`: rows of logits that one read of the model may give, at most a batch. A text of which
    every token is scored is read so many tokens at a time.
    """

    path: str
    context: int
    threads: int
    gpu_layers: int = 0
    kv_type: KVType = "f16"
    batch: int = 128
    repack: bool = True
    flash: Literal["auto", "on", "off"] = "auto"
    chat_template: str | None = None
    vocab_only: bool = False
    adapters: tuple[tuple[str, float], ...] = ()
    sequences: int = 1
    outputs: int = OUTPUTS
