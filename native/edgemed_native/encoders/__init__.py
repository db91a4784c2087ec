"""float32 to blocks, one module per family of ggml types; never worse than libggml in error."""

VERSION = 2
"""Increased whenever the bytes of an encoder change for some input; files record it."""
