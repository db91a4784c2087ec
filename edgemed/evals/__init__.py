"""Measuring merges: cases, scores and sweeps, and the best t that follows from them."""
