"""LoRA adapters: llama.cpp's GGUF form and PEFT's folders, read and written."""
