"""A local model judges the answers of others: two beside each other, or one by four axes."""
