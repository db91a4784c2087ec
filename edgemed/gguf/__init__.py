"""GGUF files: a lazy reader that trusts nothing, shards as one model, a writer that plans first."""
