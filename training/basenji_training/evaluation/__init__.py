"""Trained models measured, shown and exported."""
