"""A review of a draft: what the checks raised, what is supported, left out, and usable at all."""
