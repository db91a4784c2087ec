"""Runs a plan: chunks on threads, the journal beside the file, unfinished merges."""
