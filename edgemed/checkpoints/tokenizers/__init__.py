"""The tokenizer of a Hugging Face checkpoint as the `tokenizer.*` keys of a GGUF file.

    keys = tokenizer_metadata(folder, vocab_size)      # {key: (kind, value)}

Nothing of the folder is executed, and neither `transformers` nor `tokenizers` is needed.
"""

from edgemed.checkpoints.tokenizers.metadata import Value, tokenizer_metadata

__all__ = ["Value", "tokenizer_metadata"]
