"""What an allele does to predictions, and the scores of that."""
