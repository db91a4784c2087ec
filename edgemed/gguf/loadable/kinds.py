"""Types of metadata values that llama.cpp insists on: it does not convert one into another."""

import re
from collections.abc import Iterator

from edgemed.gguf.loadable.obstacle import Obstacle
from edgemed.gguf.metadata import Metadata

TOKEN_IDS = (
    "bos|eos|eot|eom|unknown|seperator|padding|mask|prefix|suffix|middle"
    "|fim_(pre|suf|mid|pad|rep|sep)"
)
"""`seperator` is llama.cpp's own spelling."""

KINDS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), tuple(kinds))
    for pattern, *kinds in (
        (r"general\.(architecture|name)", "string"),
        (r"general\.file_type", "uint32"),
        (r"split\.(no|count)", "uint16"),
        (r"tokenizer\.ggml\.(model|pre)", "string"),
        (r"tokenizer\.ggml\.(tokens|merges)", "string[]"),
        (r"tokenizer\.ggml\.(token_type|suppress_tokens)", "int32[]"),
        (r"tokenizer\.ggml\.scores", "float32[]", "int32[]"),
        (rf"tokenizer\.ggml\.({TOKEN_IDS})_token_id", "uint32"),
        (r"tokenizer\.ggml\.token_type_count", "uint32"),
        (r"tokenizer\.ggml\.add_(bos_token|eos_token|sep_token|space_prefix)", "bool"),
        (r"tokenizer\.ggml\.(remove_extra_whitespaces|normalizer\.\w+)", "bool"),
        (r"tokenizer\.ggml\.precompiled_charsmap", "uint8[]", "int8[]"),
        (r"ARCH\.(context_length|embedding_length|block_count|expert_count|vocab_size)", "uint32"),
        (r"ARCH\.attention\.head_count(_kv)?", "uint32", "uint32[]", "int32[]"),
        (r"ARCH\.(rope\.dimension_count|attention\.(key|value)_length)", "uint32"),
        (r"ARCH\.feed_forward_length", "uint32", "uint32[]", "int32[]"),
        (r"ARCH\.attention\.layer_norm(_rms)?_epsilon", "float32"),
        (r"ARCH\.rope\.(freq_base|scaling\.factor|scaling\.attn_factor)", "float32"),
        (r"ARCH\.rope\.scaling\.type", "string"),
    )
)
"""Keys, and the types that their values may have; ARCH is the name of the model's architecture."""


def wrong_kinds(metadata: Metadata) -> Iterator[Obstacle]:
    """Every value of a type that llama.cpp refuses."""
    prefix = f"{metadata.get('general.architecture')}."
    for key in metadata:
        name = f"ARCH.{key.removeprefix(prefix)}" if key.startswith(prefix) else key
        kinds = next((kinds for pattern, kinds in KINDS if pattern.fullmatch(name)), ())
        kind = metadata.type_of(key)
        if kinds and kind not in kinds:
            what = f"{key} is {kind}, not {' or '.join(kinds)}"
            yield Obstacle(what, about="layout" if key.startswith("split.") else "keys")
