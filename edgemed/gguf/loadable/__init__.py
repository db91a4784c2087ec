"""Reasons why llama.cpp will not load a model although it is a valid GGUF file.

A header may be valid, and llama.cpp still refuses the model or aborts, for example because a token
occurs twice. What it requires is known from its sources and from trials with the release that
edgemed installs (0.3.36 of llama-cpp-python). Only headers are read.
"""
