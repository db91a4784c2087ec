"""Merging: recipe, headers, plan, run. Only `run` touches tensor bytes."""
