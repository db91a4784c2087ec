"""The commands that train: adapt, instructions."""
