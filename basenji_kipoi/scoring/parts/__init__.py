"""Scores of the alleles of one part of a file: from variants to rows of the tables."""
