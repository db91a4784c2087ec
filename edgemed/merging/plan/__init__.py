"""From a recipe and headers to a list of steps: types, places, memory, metadata, provenance."""
