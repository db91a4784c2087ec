"""Adapting a model on this machine: examples, the training loop, the adapter that comes out."""
