"""Coverage in bins: what a bigWig becomes in a store."""
