"""Invented clinical cases, made by a seeded program from tables of our own: CC0 (NOTICE.md)."""
