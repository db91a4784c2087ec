"""A note becomes a draft: template, prompt, parts of a long note, and the stream of events."""
