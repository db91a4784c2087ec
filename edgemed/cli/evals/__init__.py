"""The commands that measure: eval, sweep."""
