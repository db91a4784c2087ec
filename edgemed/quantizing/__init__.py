"""From one GGUF model to the same model in other types: which type for what, and the way."""
