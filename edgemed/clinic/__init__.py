"""Clinical notes: reading, templates, summaries, evidence and checks."""
