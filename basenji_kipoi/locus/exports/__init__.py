"""Scores as programs of statistical genetics read them."""
