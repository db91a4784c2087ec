"""edgemed as its users run it, watched: which sockets it asks for, which files it leaves behind.

Shared by `tests/house/test_sockets.py` (a filter of the kernel, no tools needed) and by
`python -m tests.bench.sockets` (strace in a network namespace without a network).
"""
