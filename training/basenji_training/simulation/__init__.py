"""A genome with a known grammar, its genes, tracks and variants."""
