"""The commands that measure: eval, judge, sweep."""
