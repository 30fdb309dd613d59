"""Intervals in, tracks out."""
