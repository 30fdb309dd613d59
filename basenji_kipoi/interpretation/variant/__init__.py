"""One variant looked at: its alleles' tracks, and what the bases around it contribute."""
