"""A training run, from its first weights to its best ones."""
