"""The vital check: what must never be lost between a note and its draft, compared both ways."""
