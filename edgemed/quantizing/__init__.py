"""Which type for what: the types and mixes of llama.cpp, and importance matrices."""
