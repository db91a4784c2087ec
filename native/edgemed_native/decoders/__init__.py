"""Blocks to float32, one plain loop per ggml type; bit-exact with gguf-py."""
