"""llama.cpp in a child process: a client, a worker, and the arithmetic of what fits in memory."""
