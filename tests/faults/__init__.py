"""A disk that fails or a process that stops at the n-th call: an LD_PRELOAD library for tests."""
