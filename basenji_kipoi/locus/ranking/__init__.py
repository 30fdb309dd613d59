"""Which variants of a locus are likely causal, by association and by predicted effects together."""
