"""float32 to blocks, one plain loop per ggml type; never worse than libggml in error."""
