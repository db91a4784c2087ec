"""llama.cpp in a child process: a client, a worker, and plain arithmetic for what fits."""
