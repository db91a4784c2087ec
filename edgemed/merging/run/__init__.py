"""Carrying out a plan: chunks on threads, the journal beside the file, what was left unfinished."""
