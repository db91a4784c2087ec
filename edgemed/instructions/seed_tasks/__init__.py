"""The seed tasks that edgemed brings: `seeds.jsonl`, one a line, written for it, CC0 (NOTICE.md)."""
