"""Writing files completely or not at all, private to their user; and byte sizes as text."""
