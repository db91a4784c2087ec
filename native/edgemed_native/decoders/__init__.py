"""Blocks to float32, one plain loop per ggml type; bit for bit the same as gguf-py."""
