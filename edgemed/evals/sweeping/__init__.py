"""Sweeps: a model at every t, on own cases or on published tasks, and which t to take."""
