"""Intervals in, maps of what every mutation does out."""
