"""What was measured of merges: files of scores, and what follows from them."""
