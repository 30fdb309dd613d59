"""From what bases contribute to the motifs that they make."""
