"""The seed tasks that edgemed brings, one a line: written for it, CC0 (NOTICE.md)."""
