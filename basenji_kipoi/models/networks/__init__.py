"""Networks: their description, what is built of it, and weights at random."""
