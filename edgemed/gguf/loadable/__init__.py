"""What stands in the way of llama.cpp loading a model that reads as a sound GGUF file.

A header may be whole and llama.cpp refuse the model all the same, or end the process: over a token
that occurs twice, say. What it asks for is known from its sources and from trials with the release
that edgemed installs (0.3.36 of llama-cpp-python). Headers alone are read.
"""
