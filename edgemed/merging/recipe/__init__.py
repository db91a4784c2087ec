"""What the user asks for: recipes, recipe files, presets, settings and filters."""
