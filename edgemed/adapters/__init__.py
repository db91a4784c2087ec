"""LoRA adapters: llama.cpp's GGUF form, read and written."""
