"""float32 to blocks, one module per family of ggml types; never worse than libggml in error."""

VERSION = 2
"""Raised whenever any encoder's bytes change for some input: files record it beside their types."""
