"""The arithmetic: ggml blocks to float32 rows and back, and the mixing of rows. Knows no files."""
