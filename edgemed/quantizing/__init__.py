"""Which tensor gets which type: the types and mixes of llama.cpp, and importance matrices."""
