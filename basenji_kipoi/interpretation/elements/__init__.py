"""Which parts of a window drive a gene."""
