"""Merge methods: the table, each method's formula, and the streams of rows that they work on."""
