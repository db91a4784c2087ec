"""What this machine can do: its system, its llama.cpp, its memory and disk, and how a model runs on
it."""
