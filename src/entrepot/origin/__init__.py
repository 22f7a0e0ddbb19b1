"""Where a product is from, how much of it comes from whom, and what it costs to change that."""
