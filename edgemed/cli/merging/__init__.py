"""The commands about merges: check, merge, recipe, diff, verify."""
