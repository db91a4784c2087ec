"""Language models with one protocol: llama.cpp in a child process, and a scripted fake."""
