"""Pages of loci, which a browser shows without a network."""
