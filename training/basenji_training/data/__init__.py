"""Stores made and checked."""
