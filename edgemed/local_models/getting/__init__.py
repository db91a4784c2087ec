"""Fetching a model: the only part of edgemed that uses the network."""
