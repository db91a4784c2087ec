"""The models on this machine: the library, loading a model, and its tuned speed."""
