"""What a text says, as data: quantities, dates, concepts with their side, negation and bearer."""
