"""A local model judges the answers of others: two compared, or one by four axes."""
