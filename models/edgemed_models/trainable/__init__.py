"""A language model in torch whose frozen weights stay quantized: for training adapters on a laptop.

Weights are decoded block by block inside each product; how, the caller says. Needs torch (extra
`train`); nothing else in the house imports it.
"""
