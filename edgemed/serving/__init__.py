"""A model for other programs on this machine: HTTP on 127.0.0.1, in the form of OpenAI's API."""
