"""A case: a note's documents on their way to a signature, what is logged, kept, saved, exported."""
