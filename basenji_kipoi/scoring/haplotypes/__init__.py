"""What all variants of a haplotype together change in genes."""
