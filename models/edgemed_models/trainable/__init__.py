"""A language model in torch whose frozen weights stay quantized: for training adapters on a laptop.

Weights are decoded block by block inside each product, by a function that the caller gives. Needs
torch (extra `train`); nothing else in edgemed_models imports it.
"""
