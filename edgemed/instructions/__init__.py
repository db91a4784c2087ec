"""Instruction data made by a local model from seed tasks, and reports on such data."""
