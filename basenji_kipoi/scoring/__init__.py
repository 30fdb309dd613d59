"""A file of variants in, a table of scores out."""
