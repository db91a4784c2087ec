"""The models on this machine: the library, getting and loading models, and their tuned speed."""
