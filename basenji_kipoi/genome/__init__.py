"""Sequence, coordinates, annotation and alleles of a genome."""
