"""Hugging Face checkpoints as models: folders, names, hyper-parameters, sources of rows."""
