"""What this machine can do: its system, its llama.cpp, its room, and how a model runs on it."""
