"""Published tasks as data: a table each in TOML, the keys of its splits, a loader for its files."""
