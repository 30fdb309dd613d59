"""What a variant does, and how: one record and one figure."""
