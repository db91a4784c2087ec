"""The seed tasks that ship with edgemed, one a line: written for it, CC0 (NOTICE.md)."""
