"""Quantizing: the types and mixes of llama.cpp, and importance matrices."""
