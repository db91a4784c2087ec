"""Adapting a model on this machine: examples, the training loop, the resulting adapter."""
