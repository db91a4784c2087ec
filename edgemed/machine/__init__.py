"""What this machine can do: system, llama.cpp, memory, disk, and how a model runs on it."""
